import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { absolute } from "./change_log.ts";
import type { Step } from "./generator.ts";
import type { Message } from "../support/message.ts";
import type { OpenTransaction } from "./stream_state.ts";

/** What is known about a step whose outcomes differ. */
export interface Difference {
  readonly step: Step;
  /** The transaction that the step names, if it was open. */
  readonly transaction: OpenTransaction | null;
  /** Whether anything was committed by others since that transaction's snapshot. */
  readonly changedSince: boolean;
  /** The same of the parent of the node that the step names, of what is above and below it. */
  readonly pathChangedSince: boolean;
  /** The reference's reply and ours. */
  readonly reference: Message;
  readonly ours: Message;
  readonly sameReply: boolean;
  /** Events that only the reference sent, to whichever connection, and those that only we did. */
  readonly onlyReference: readonly string[];
  readonly onlyOurs: readonly string[];
}

/**
 * Events of one commit: C counts a look for a missing child as an access to its parent, and tells
 * of a removed node before those below it; outside transactions both tell of it last.
 */
export const COMMIT_ORDER = "events of a commit come in another order";

/**
 * Of what a commit removes, C 4.17 tells only those who could read the node itself; outside
 * transactions both tell also those who can read its parent. Met in guests_test.ts.
 */
export const REMOVED_IN_COMMIT = "a commit removes a node: who reads the parent hears of it";

/**
 * C decides who may hear of a change when it applies it, one after the other; `xs` on the tree as
 * the whole commit leaves it. It shows when the commit also sets the parent's permissions.
 */
export const PARENT_SET_TOO = "a commit sets the parent's permissions too: all of it counts";

/** C fires a change of a node that the same commit then removes with its parent. */
export const CHANGED_THEN_REMOVED = "what a commit removes with its parent fires as removed only";

/** How the run goes on behind an allowed difference. */
export type Settlement =
  | "go on"
  | "replay on the reference"
  | "replay on ours"
  | "abort on both";

/** A difference that is meant; each has its line in docs/compatibility.md. */
export interface AllowedDifference {
  readonly name: string;
  readonly settlement: Settlement;
  readonly applies: (difference: Difference) => boolean;
}

/** Whether a step asks for a transaction's commit. */
export const isCommit = (step: Step): boolean =>
  step.type === MessageType.TRANSACTION_END && step.payload[0] === "T".charCodeAt(0);
const isAgain = (message: Message): boolean =>
  message.type === MessageType.ERROR && message.text === "EAGAIN\0";
const isOk = (message: Message): boolean =>
  message.type === MessageType.TRANSACTION_END && message.text === "OK\0";

/** An event's path in its absolute form. */
const pathOf = (event: string): string => absolute(event.slice(0, event.indexOf("\0")));

/** Whether the transaction first changed the node at `path`, then removed one above it. */
function changedThenRemoved(transaction: OpenTransaction | null, path: string): boolean {
  const changes = transaction?.changes ?? [];
  const changed = changes.findIndex((change) => firstString(change.payload) === path);
  return changed >= 0 &&
    changes.slice(changed + 1).some((change) =>
      change.type === MessageType.RM && path.startsWith(`${firstString(change.payload)}/`)
    );
}

const firstString = (payload: Uint8Array): string =>
  absolute(toText(payload, 0, payload.indexOf(0)));

/** The whole list. Anything else that differs fails the run. */
export const ALLOWED: readonly AllowedDifference[] = [
  {
    name: COMMIT_ORDER,
    settlement: "go on",
    applies: (d) =>
      isCommit(d.step) && isOk(d.ours) && d.sameReply &&
      d.onlyReference.length === 0 && d.onlyOurs.length === 0,
  },
  {
    name: CHANGED_THEN_REMOVED,
    settlement: "go on",
    applies: (d) =>
      isCommit(d.step) && isOk(d.ours) && d.sameReply && d.onlyOurs.length === 0 &&
      d.onlyReference.every((event) => changedThenRemoved(d.transaction, pathOf(event))),
  },
  {
    name: "commit merges what C refuses",
    settlement: "replay on the reference",
    applies: (d) =>
      isCommit(d.step) && d.transaction !== null && d.changedSince &&
      isAgain(d.reference) && isOk(d.ours),
  },
  {
    name: "commit refuses what only the snapshot has seen",
    settlement: "replay on ours",
    applies: (d) =>
      isCommit(d.step) && d.transaction !== null && d.changedSince &&
      isOk(d.reference) && isAgain(d.ours),
  },
  {
    name: "transactions read a snapshot",
    settlement: "abort on both",
    applies: (d) =>
      d.step.type !== MessageType.TRANSACTION_END && d.pathChangedSince && !d.sameReply,
  },
];
