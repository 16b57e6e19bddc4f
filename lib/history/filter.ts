/** Which blocks may have something of a path or an author: a Bloom filter for each. */
import { FNV_PRIME, FNV_START, mixedHash } from "../store/node.ts";
import { HASHED_PATH_BYTES_FIRST } from "../limits.ts";
import { toText } from "../wire/text.ts";
import { HashSet } from "./hash_set.ts";
import type { PathVisitor } from "./node_bytes.ts";
import type { Author } from "./record.ts";
import { visitRecords } from "./record_reader.ts";

/** Bits for each thing in a filter: of a hundred blocks without it some two are read for nothing. */
const BITS_EACH = 8;
/** Bits that each thing sets. */
const PROBES = 4;
const SECOND_MIX = 0x85ebca77 | 0;

/** What authors are looked up by; no path looks like one. */
export function authorKeys(author: Author): string[] {
  switch (author.kind) {
    case "domain":
      return [`domain ${author.domid}`, ...(author.name === null ? [] : [`name ${author.name}`])];
    case "process":
      return [
        `domain ${author.domid}`,
        ...(author.pid === null ? [] : [`pid ${author.pid}`]),
        ...(author.command === null ? [] : [`command ${programOf(author.command)}`]),
      ];
    default:
      return [author.kind];
  }
}

/** The name of the program in a command: what is behind the last slash of its first word. */
export function programOf(command: string): string {
  const [word = ""] = command.split(/[ \0]/);
  return word.slice(word.lastIndexOf("/") + 1);
}

/** The filter of a block that may have anything. */
export const NO_FILTER = "";

const SLASH = 0x2f;

/** Hashes of paths and of the nodes above them; the root is above all. */
class PathHashes {
  /** The hash of each beginning of the last path, by its length. */
  #hashes = new Int32Array(HASHED_PATH_BYTES_FIRST).fill(FNV_START, 0, 1);

  constructor(private readonly all: HashSet) {}

  /** Adds a path of which the first `shared` characters are those of the last one, and the rest is in `bytes`. */
  add(shared: number, bytes: Uint8Array, from: number, to: number): void {
    const length = shared + to - from, { all } = this;
    this.#makeRoom(length);
    const hashes = this.#hashes;
    for (let at = shared, i = from; i < to; at++, i++) {
      const hash = hashes[at]!, code = bytes[i]!;
      if (at > 0 && code === SLASH) all.add(mixedHash(hash));
      hashes[at + 1] = Math.imul(hash ^ code, FNV_PRIME);
    }
    all.add(mixedHash(hashes[length]!));
  }

  #makeRoom(length: number): void {
    if (length < this.#hashes.length) return;
    const grown = new Int32Array(2 * length);
    grown.set(this.#hashes);
    this.#hashes = grown;
  }
}

/** The paths and authors of the records of one filter after another. */
class Touched {
  readonly hashes = new HashSet();
  readonly #paths = new PathHashes(this.hashes);
  readonly #authors = new Set<Author>();

  /** Takes what encoded records touch, in place of what it had. */
  take(bytes: Uint8Array): void {
    this.hashes.clear();
    this.#authors.clear();
    visitRecords(bytes, this);
    for (const author of this.#authors) {
      for (const key of authorKeys(author)) this.hashes.add(hashOf(key));
    }
  }

  author(author: Author): void {
    this.#authors.add(author);
  }

  readonly path: PathVisitor = (shared, bytes, from, to) => {
    this.#paths.add(shared, bytes, from, to);
  };

  readonly abortPath: PathVisitor = this.path;
}

const touched = new Touched();

/** Gives up the memory by which filters have grown. */
export function dropSpareFilter(): void {
  touched.hashes.dropSpare();
}

/**
 * All that encoded records touch: each of their paths with every node above it, and their authors. It makes no text of a path. A
 * filter is a text of one character for each byte, since the daemon keeps thousands: an array would have memory of its own, which
 * would keep the pages around it in use.
 */
export function filterOf(bytes: Uint8Array): string {
  touched.take(bytes);
  const { hashes } = touched, filter = new Uint8Array(Math.ceil(hashes.size * BITS_EACH / 8) + 1);
  hashes.forEach((hash) => {
    forEachBit(hash, filter.length, (at, bit) => {
      filter[at]! |= bit;
      return true;
    });
  });
  return filterText(filter);
}

function hashOf(text: string): number {
  let hash = FNV_START;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return mixedHash(hash);
}

/** The bytes of a filter as a text. */
export function filterText(bytes: Uint8Array): string {
  const text = toText(bytes);
  // V8 joins the parts of a text when a character is asked for; until then they take ten times as much.
  text.charCodeAt(0);
  return text;
}

/** Whether something at or below a path, or of an author's key, may be in a filter's block; false is sure. */
export function mayHave(filter: string, key: string): boolean {
  return key === "/" || filter.length === 0 ||
    forEachBit(hashOf(key), filter.length, (at, bit) => (filter.charCodeAt(at) & bit) !== 0);
}

/** Goes on as long as `visit` says so; returns whether it always did. */
function forEachBit(
  hash: number,
  length: number,
  visit: (at: number, bit: number) => boolean,
): boolean {
  const bits = length * 8, step = Math.imul(hash ^ hash >>> 13, SECOND_MIX) >>> 0;
  for (let i = 0; i < PROBES; i++) {
    const bit = ((hash >>> 0) + i * step) % bits;
    if (!visit(bit >>> 3, 1 << (bit & 7))) return false;
  }
  return true;
}
