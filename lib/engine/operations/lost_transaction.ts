import { emptyWalk, walk } from "../../store/lookup.ts";
import { isSpecial } from "../../store/path.ts";
import { EAGAIN, EINVAL } from "../../wire/errors.ts";
import { MessageType } from "../../wire/message_type.ts";
import type { Call } from "../request.ts";
import type { Transaction } from "../transaction.ts";
import type { Outcome } from "./outcome.ts";

/** What tells a client of a node as its transaction has it. */
const TELLING: ReadonlySet<number> = new Set([
  MessageType.READ,
  MessageType.DIRECTORY,
  MessageType.DIRECTORY_PART,
  MessageType.GET_PERMS,
]);
const CHANGING: ReadonlySet<number> = new Set([
  MessageType.WRITE,
  MessageType.MKDIR,
  MessageType.RM,
  MessageType.SET_PERMS,
]);

/**
 * The answer to a request in a transaction that was open when the daemon died, where `outcome` is
 * that of its handler. What the transaction did before is not known any more, nor what others have
 * overwritten that it should still see: where it could be wrong, the answer is EAGAIN. But where it
 * can be given it is, and changes are taken, in vain: clients expect EAGAIN at the end of a
 * transaction and begin again there, while within it many give up, some without a word (the state
 * switch of Linux' drivers).
 */
export function inLostTransaction(
  call: Call,
  transaction: Transaction,
  type: number,
  outcome: Outcome,
): Outcome {
  const isTaken = CHANGING.has(type) && typeof outcome !== "number";
  if (isTaken || !(CHANGING.has(type) || TELLING.has(type))) return outcome;
  return outcome === EINVAL || isAsAtStart(call, transaction) ? outcome : EAGAIN;
}

/** Whether the node that a request is about is as it was when the transaction started. */
function isAsAtStart(call: Call, transaction: Transaction): boolean {
  const path = call.pathUpTo(call.payload.indexOf(0), true);
  if (path === null || isSpecial(path)) return true;
  if (transaction.wrote) return false;
  const { root } = transaction;
  const { node, above } = walk(root, path, emptyWalk(root));
  // A node counts as changed with its list of children.
  return (node ?? above).generation <= transaction.generation;
}
