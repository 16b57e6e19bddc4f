import { FNV_PRIME, FNV_START, mixedHash } from "./node.ts";
import { parentPath } from "./path.ts";

const SLASH = 0x2f;

/** Where the names of a path end, and their hashes. */
export interface Names {
  /** How many there are; none in the root's path. */
  readonly count: number;
  readonly ends: readonly number[];
  readonly hashes: readonly number[];
}

interface Split extends Names {
  count: number;
  readonly ends: number[];
  readonly hashes: number[];
  /** The path without its last name; null until it is needed. */
  parent: string | null;
}

/** What paths are split into that nobody keeps. */
const scratch: Split = { count: 0, ends: [], hashes: [], parent: null };
/** The path that was split last, or of which the names were given, and its names. */
let latestPath = "/";
let latest: Split = scratch;

/**
 * The names of an absolute canonical path, valid until the next call: the first begins at 1, each
 * further one behind the slash at which the one before ends. Those of the last path are kept,
 * since one request needs them again and again.
 */
export function namesOf(path: string): Names {
  if (path !== latestPath) split(path);
  return latest;
}

/** The same, for the caller to keep, and to hand to {@link takeNames}. */
export function keepNames(path: string): Names {
  const { count, ends, hashes } = namesOf(path);
  const cached: Split = {
    count,
    ends: ends.slice(0, count),
    hashes: hashes.slice(0, count),
    parent: null,
  };
  return cached;
}

/** The names of `path` if it is the last one and its owner keeps them, else null. */
export function sharedNames(path: string): Names | null {
  return path === latestPath && latest !== scratch ? latest : null;
}

/** What {@link keepNames} gave for `path` need not be found again: {@link namesOf} has it from here. */
export function takeNames(path: string, names: Names): void {
  latestPath = path;
  latest = names as Split;
}

/** The parent's path as {@link parentPath} has it: the same text each time, as long as the names are kept. */
export function parentOf(path: string): string {
  // To split a path costs its length, and each node of a chain has another one.
  if (path !== latestPath) return parentPath(path);
  return latest.parent ??= parentPath(path);
}

function split(path: string): void {
  const { ends, hashes } = scratch;
  let count = 0, hash = FNV_START;
  // The last name ends with the path; the root's has none.
  for (let i = 1; i < path.length; i++) {
    const char = path.charCodeAt(i);
    if (char !== SLASH) {
      hash = Math.imul(hash ^ char, FNV_PRIME);
      continue;
    }
    ends[count] = i;
    hashes[count++] = mixedHash(hash);
    hash = FNV_START;
  }
  if (path.length > 1) {
    ends[count] = path.length;
    hashes[count++] = mixedHash(hash);
  }
  scratch.count = count;
  scratch.parent = null;
  latest = scratch;
  latestPath = path;
}
