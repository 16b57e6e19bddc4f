import { KNOWN_PATH_BYTES_MAX, KNOWN_PATHS_MAX } from "../limits.ts";
import { keepNames, type Names, takeNames } from "../store/names.ts";
import { FNV_PRIME, FNV_START } from "../store/node.ts";
import { canonicalPath } from "../store/path.ts";
import { toText } from "../wire/text.ts";

const SLASH = 0x2f;

/** Words of four bytes in each place: those of the longest text. */
const PLACE_WORDS = KNOWN_PATH_BYTES_MAX / 4;

interface Known {
  /** Bytes of the text that the client wrote. */
  readonly length: number;
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
  /** The text of each place, in words: to compare these takes a fraction of the time that characters take. */
  readonly #texts = new Int32Array(KNOWN_PATHS_MAX * PLACE_WORDS);
  /** The text that is looked for. */
  readonly #words = new Int32Array(PLACE_WORDS);

  /**
   * The canonical path that `bytes` name up to `to`, or null when it is malformed; see
   * {@link canonicalPath}.
   */
  find(bytes: Uint8Array, to: number, home: string, specials: boolean): string | null {
    const isCached = to > 0 && to <= KNOWN_PATH_BYTES_MAX;
    if (!isCached) return canonicalPath(toText(bytes, 0, to), home, specials);
    const isAbsolute = bytes[0] === SLASH;
    const place = this.#placeOf(bytes, to, isAbsolute ? "" : home);
    if (this.#isKnown(place, to, isAbsolute, home)) return this.#take(place);
    if (this.#isKnown(place ^ 1, to, isAbsolute, home)) return this.#take(place ^ 1);
    const path = canonicalPath(toText(bytes, 0, to), home, specials);
    // Specials are not for every request.
    if (path !== null && path.charCodeAt(0) === SLASH) this.#keep(place, to, home, path);
    return path;
  }

  #take(place: number): string {
    const known = this.#known[place]!;
    takeNames(known.path, known.names ??= keepNames(known.path));
    return known.path;
  }

  #keep(place: number, length: number, home: string, path: string): void {
    const texts = this.#texts, first = this.#known[place], at = place * PLACE_WORDS;
    if (first !== undefined) {
      this.#known[place ^ 1] = first;
      texts.copyWithin((place ^ 1) * PLACE_WORDS, at, at + PLACE_WORDS);
    }
    this.#known[place] = { length, home, path, names: null };
    texts.set(this.#words, at);
  }

  /** The first place of a text, whose words it notes. */
  #placeOf(bytes: Uint8Array, to: number, home: string): number {
    const words = this.#words;
    let hash = FNV_START, at = 0, count = 0;
    for (; at + 4 <= to; at += 4) {
      const four = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
      words[count++] = four;
      hash = Math.imul(hash ^ four, FNV_PRIME);
      // To the low bits, which decide, by the next step.
      hash ^= hash >>> 15;
    }
    let rest = 0;
    for (; at < to; at++) {
      rest = rest << 8 | bytes[at]!;
      hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
    }
    if ((to & 3) !== 0) words[count] = rest;
    // Homes differ in their domids, which stand at their ends.
    for (let i = Math.max(0, home.length - 5); i < home.length; i++) {
      hash = Math.imul(hash ^ home.charCodeAt(i), FNV_PRIME);
    }
    // What the last four bytes differ in stands in high bits only: as MurmurHash3 ends.
    hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    return (hash ^ hash >>> 16) & KNOWN_PATHS_MAX - 1;
  }

  /** Whether a place has the text of so many bytes that is looked for. */
  #isKnown(place: number, length: number, isAbsolute: boolean, home: string): boolean {
    const known = this.#known[place];
    if (known === undefined || known.length !== length) return false;
    if (!isAbsolute && known.home !== home) return false;
    const words = this.#words, texts = this.#texts, from = place * PLACE_WORDS;
    const count = length + 3 >> 2;
    for (let i = 0; i < count; i++) if (texts[from + i] !== words[i]) return false;
    return true;
  }
}
