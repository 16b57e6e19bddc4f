import { EAGAIN, EINVAL } from "../../wire/errors.ts";
import { MessageType } from "../../wire/message_type.ts";
import type { Outcome } from "./outcome.ts";

/** What would tell a client of nodes as its transaction has them. */
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
 * that of its handler. What the transaction saw and wrote is known no more: a request that would
 * tell of it gets EAGAIN, and so does one that fails, since with the rest of the transaction it
 * might not. Changes are taken: drivers expect EAGAIN at the end, and give up on it elsewhere.
 */
export function inLostTransaction(type: number, outcome: Outcome): Outcome {
  if (TELLING.has(type)) return outcome === EINVAL ? EINVAL : EAGAIN;
  if (!CHANGING.has(type) || typeof outcome !== "number") return outcome;
  return outcome === EINVAL ? EINVAL : EAGAIN;
}
