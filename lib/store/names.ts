import { FNV_PRIME, FNV_START, mixedHash } from "./node.ts";

const SLASH = 0x2f;

/** Enough for any path on the wire; those in streams can be longer. */
const NAMES_USUAL = 4_096;

/** Where the names of a path end, and their hashes. */
export interface Names {
  /** How many there are; none in the root's path. */
  readonly count: number;
  readonly ends: Int32Array;
  readonly hashes: Int32Array;
}

const names = {
  count: 0,
  ends: new Int32Array(NAMES_USUAL),
  hashes: new Int32Array(NAMES_USUAL),
};
let namesOfPath = "/";

/**
 * The names of an absolute canonical path, valid until the next call: the first begins at 1, each
 * further one behind the slash at which the one before ends. Those of the last path are kept,
 * since one request walks the same path again and again.
 */
export function namesOf(path: string): Names {
  if (path !== namesOfPath) {
    split(path);
    namesOfPath = path;
  }
  return names;
}

function split(path: string): void {
  // A name takes two characters at least, with its slash.
  if (path.length > 2 * names.ends.length) grow(path.length);
  const { ends, hashes } = names;
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
  names.count = count;
}

function grow(size: number): void {
  names.ends = new Int32Array(size);
  names.hashes = new Int32Array(size);
}
