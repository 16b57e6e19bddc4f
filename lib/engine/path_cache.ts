import { KNOWN_PATH_BYTES_MAX, KNOWN_PATHS_MAX } from "../limits.ts";
import { keepNames, type Names, takeNames } from "../store/names.ts";
import { FNV_PRIME, FNV_START } from "../store/node.ts";
import { canonicalPath } from "../store/path.ts";
import { toText } from "../wire/text.ts";

const SLASH = 0x2f;

interface Known {
  /** As the client wrote it. */
  readonly text: string;
  /** What a relative one was put behind; that of an absolute one counts for nobody. */
  readonly home: string;
  readonly path: string;
  /** The names of the path, once it has been named again. */
  names: Names | null;
}

/**
 * The canonical paths of the texts in which clients have lately named them. Clients name the same
 * nodes again and again: what was checked once need not be, and to find a text by its bytes is
 * cheaper than to make it. Their names are kept, too, so that nobody has to look for them. Each text has
 * two places: the later one takes the first, and the one that was there moves to the second.
 */
export class PathCache {
  readonly #known: (Known | undefined)[] = new Array<Known | undefined>(KNOWN_PATHS_MAX).fill(
    undefined,
  );

  /**
   * The canonical path that `bytes` name up to `to`, or null when it is malformed; see
   * {@link canonicalPath}.
   */
  find(bytes: Uint8Array, to: number, home: string, specials: boolean): string | null {
    const isCached = to > 0 && to <= KNOWN_PATH_BYTES_MAX;
    if (!isCached) return canonicalPath(toText(bytes, 0, to), home, specials);
    const isAbsolute = bytes[0] === SLASH;
    const place = placeOf(bytes, to, isAbsolute ? "" : home);
    const first = this.#known[place], second = this.#known[place ^ 1];
    const known = isKnown(first, bytes, to, isAbsolute, home)
      ? first
      : isKnown(second, bytes, to, isAbsolute, home)
      ? second
      : null;
    if (known !== null) {
      takeNames(known.path, known.names ??= keepNames(known.path));
      return known.path;
    }
    const text = toText(bytes, 0, to);
    const path = canonicalPath(text, home, specials);
    // Specials are not for every request.
    if (path !== null && path.charCodeAt(0) === SLASH) {
      if (first !== undefined) this.#known[place ^ 1] = first;
      this.#known[place] = { text, home, path, names: null };
    }
    return path;
  }
}

function placeOf(bytes: Uint8Array, to: number, home: string): number {
  let hash = FNV_START, at = 0;
  for (; at + 4 <= to; at += 4) {
    const four = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    hash = Math.imul(hash ^ four, FNV_PRIME);
    // To the low bits, which decide, by the next step.
    hash ^= hash >>> 15;
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
  // Homes differ in their domids, which stand at their ends.
  for (let i = Math.max(0, home.length - 5); i < home.length; i++) {
    hash = Math.imul(hash ^ home.charCodeAt(i), FNV_PRIME);
  }
  // What the last four bytes differ in stands in high bits only: as MurmurHash3 ends.
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) & KNOWN_PATHS_MAX - 1;
}

function isKnown(
  known: Known | undefined,
  bytes: Uint8Array,
  to: number,
  isAbsolute: boolean,
  home: string,
): known is Known {
  return known !== undefined && (isAbsolute || known.home === home) &&
    isText(known.text, bytes, to);
}

function isText(text: string, bytes: Uint8Array, to: number): boolean {
  if (text.length !== to) return false;
  for (let i = 0; i < to; i++) if (text.charCodeAt(i) !== bytes[i]) return false;
  return true;
}
