/** What a history consists of: commits, aborted transactions and gaps, one after the other. */
import { type Author as KnownAuthor, sameAuthor as sameKnownAuthor } from "../engine/author.ts";
import { equalPerms, type Perms } from "../store/perms.ts";
import { equalBytes } from "../wire/text.ts";
import type { Kind } from "./kinds.ts";

export { type Kind, KINDS } from "./kinds.ts";

/** In place of a value that is not kept: only its length is told. */
export interface Redacted {
  /** Bytes that the value had. */
  readonly redacted: number;
  /** It was too much to keep, and is no secret. */
  readonly isLeftOut?: true;
}

/** A node as it was. */
export interface NodeState {
  readonly value: Uint8Array | Redacted;
  readonly perms: Perms;
}

/** Who did something, as far as it is known (docs/history.md, "Authors"). */
export type Author = KnownAuthor | PrunedAuthor;

/** All those whose records were pruned. */
export interface PrunedAuthor {
  readonly kind: "pruned";
}

/**
 * What became of one path. With a `count` above 1 it stands for as many changes of the same author, the first of them
 * number `first`, between which no other author touched the path.
 */
export interface Change<P = string> {
  readonly path: P;
  /** Null: there was no such node. */
  readonly old: NodeState | null;
  /** Null: there is none any more. */
  readonly new: NodeState | null;
  readonly count: number;
  readonly first: number;
  /** When that was, in microseconds since 1970. */
  readonly firstAt: number;
}

/** Whether a node's value is not kept, although it is no secret. */
export function isLeftOut(node: NodeState | null): boolean {
  return node !== null && !(node.value instanceof Uint8Array) && node.value.isLeftOut === true;
}

/** When something was done, and after what. */
export interface Numbered {
  /** Only grows, and is never used twice. */
  readonly number: number;
  /** Microseconds since 1970 by the wall clock, which may have been set back. */
  readonly at: number;
}

/** One commit. */
export interface Commit<P = string> extends Numbered {
  readonly type: "commit";
  readonly author: Author;
  readonly kind: Kind;
  /** Requests of a transaction that changed something; 1 of anything else. */
  readonly operations: number;
  /** What a kind has to say besides, such as the setting that was set; often empty. */
  readonly detail: string;
  readonly changes: readonly Change<P>[];
  /** Changes that are counted in a later commit's, or pruned. */
  readonly moved: number;
  /** A keyframe stands here in place of the changes. */
  readonly isKeyframe: boolean;
}

/** What of a node a transaction had seen. */
export const FACETS = ["existence", "value", "permissions", "children", "size", "other"] as const;
export type Facet = typeof FACETS[number];

/** A transaction that ended in EAGAIN; `count` consecutive ones of one author, path and facet are one. */
export interface Abort<P = string> extends Numbered {
  readonly type: "abort";
  readonly author: Author;
  readonly operations: number;
  readonly path: P;
  readonly facet: Facet;
  /** What the transaction saw, and what was there at its end, in words. */
  readonly seen: string;
  readonly there: string;
  /** Who changed it, in words. */
  readonly by: string;
  readonly count: number;
  readonly first: number;
  readonly firstAt: number;
}

/** How much of one author is missing. */
export interface Missing {
  readonly author: Author;
  readonly count: number;
}

/** Records `first` to `number` are missing; a keyframe stands at its end. */
export interface Gap extends Numbered {
  readonly type: "gap";
  readonly first: number;
  readonly firstAt: number;
  readonly missing: readonly Missing[];
}

/** Each path is a text, or a number in a table (path_table.ts). */
export type HistoryRecord<P = string> = Commit<P> | Abort<P> | Gap;

/** Whether all that is known of two authors is the same. */
export function sameAuthor(a: Author, b: Author): boolean {
  if (a === b) return true;
  return a.kind === "pruned" || b.kind === "pruned" ? a.kind === b.kind : sameKnownAuthor(a, b);
}

/** Whether two states of a node are the same; of redacted values only the lengths can be told. */
export function sameNode(a: NodeState | null, b: NodeState | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || !equalPerms(a.perms, b.perms)) return false;
  const x = a.value, y = b.value;
  if (x instanceof Uint8Array && y instanceof Uint8Array) return equalBytes(x, y);
  return "redacted" in x && "redacted" in y && x.redacted === y.redacted;
}

/** Whether a store's whole content stands at a record's end, so that nothing before it says what follows. */
export function hasKeyframe<P>(record: HistoryRecord<P>): boolean {
  return record.type === "gap" || (record.type === "commit" && record.isKeyframe);
}
