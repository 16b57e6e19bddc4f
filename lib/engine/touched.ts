import type { Perms } from "../store/perms.ts";

/** What of a node a transaction saw; only what it saw can make its commit fail. */
export const SEEN_EXISTENCE = 1;
export const SEEN_VALUE = 2;
export const SEEN_PERMS = 4;
export const SEEN_CHILDREN = 8;

/** What a transaction saw of one node and did to it; what the node then is stands in its draft. */
export interface Touched {
  readonly path: string;
  /** What it saw that was not its own doing. */
  facets: number;
  /** Whether it did anything; all below says what. */
  written: boolean;
  /** Whatever was there, with all below, was removed. */
  removed: boolean;
  /** The permissions with which the transaction made the node where there was none. */
  createdWith: Perms | null;
  valueSet: boolean;
  /** That value, as long as the transaction has no draft. */
  value: Uint8Array | null;
  permsSet: boolean;
  /** A request named it, so that its watchers hear of it; implicit parents are not named. */
  named: boolean;
}

/** A node of which nothing was seen, and to which nothing was done yet. */
export function newTouched(path: string): Touched {
  return {
    path,
    facets: 0,
    written: false,
    removed: false,
    createdWith: null,
    valueSet: false,
    value: null,
    permsSet: false,
    named: false,
  };
}
