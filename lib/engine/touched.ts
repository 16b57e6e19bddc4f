import { type Names, takeNames } from "../store/names.ts";
import { parentPath } from "../store/path.ts";
import type { Perms } from "../store/perms.ts";

/** What of a node a transaction saw; only what it saw can make its commit fail. */
export const SEEN_EXISTENCE = 1;
export const SEEN_VALUE = 2;
export const SEEN_PERMS = 4;
export const SEEN_CHILDREN = 8;

/** What a transaction saw of one node and did to it; what the node then is stands in its draft. */
export interface Touched {
  readonly path: string;
  /** Position in the order of first accesses. */
  readonly index: number;
  /** The names of its path, as the request had them that touched it first; null where they were kept by nobody. */
  readonly names: Names | null;
  /** What it saw that was not its own doing. */
  facets: number;
  /** Whether it did anything; all below says what. */
  written: boolean;
  /** Position in the order in which nodes were made, or else first written to. */
  turn: number;
  /** Whatever was there, with all below, was removed. */
  removed: boolean;
  /** The permissions with which the transaction made the node where there was none. */
  createdWith: Perms | null;
  valueSet: boolean;
  /** That value, as long as the transaction has no draft. */
  value: Uint8Array | null;
  /** How long that value is. */
  valueBytes: number;
  permsSet: boolean;
  /** A request changed or removed it by its name: its watchers hear of it. Implicit parents have none. */
  named: boolean;
  /** It was made again after it had been removed with a node above it: watchers of it alone hear that. */
  again: boolean;
}

/** A node of which nothing was seen, and to which nothing was done yet. */
export function newTouched(path: string, index: number, names: Names | null): Touched {
  return {
    path,
    index,
    names,
    facets: 0,
    written: false,
    turn: 0,
    removed: false,
    createdWith: null,
    valueSet: false,
    value: null,
    valueBytes: 0,
    permsSet: false,
    named: false,
    again: false,
  };
}

/** To be called before its path is looked up: the names are those that the request had. */
export function recallNames({ names, path }: Touched): void {
  if (names !== null) takeNames(path, names);
}

/** Fewer are looked for one by one in less time than it takes to put them in order. */
export const SORTED_FROM = 8;

/** In an order in which a few can be done again: parents made before what was made below them. */
export function inTurnOrder(written: readonly Touched[]): readonly Touched[] {
  for (let i = 1; i < written.length; i++) {
    if (written[i]!.turn < written[i - 1]!.turn) {
      return [...written].sort((a, b) => a.turn - b.turn);
    }
  }
  return written;
}

/** Something done to a node, and the path of its parent. */
export interface Placed {
  readonly above: string;
  readonly touched: Touched;
}

/**
 * In the order in which they can be done again: parents first, siblings one behind the other, as
 * they were made.
 */
export function inTreeOrder(written: readonly Touched[]): Placed[] {
  const placed = written.map((touched) => ({ above: parentPath(touched.path), touched }));
  return placed.sort(byParent);
}

function byParent(a: Placed, b: Placed): number {
  if (a.above !== b.above) return a.above < b.above ? -1 : 1;
  // The root is its own parent, and comes before its children.
  if (a.touched.path === a.above) return -1;
  if (b.touched.path === b.above) return 1;
  return a.touched.turn - b.touched.turn;
}
