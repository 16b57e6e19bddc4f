import {
  PATH_TABLE_BYTES_FIRST,
  PATH_TABLE_BYTES_REUSED,
  PATH_TABLE_PLACES_FIRST,
  PATH_TABLE_PLACES_REUSED,
} from "../limits.ts";
import { FNV_PRIME, FNV_START, mixedHash } from "../store/node.ts";
import { toBytes, toText } from "../wire/text.ts";
import type { NodesReader, PathsIn, PathsOut } from "./node_bytes.ts";
import { pathWeight, type WeighPath } from "./sizes.ts";
import { VARINT_ROOM, varintAt } from "./varint.ts";

const SLASH = 0x2f;
/** Above all paths: the nodes of the root and of specials are below it. */
const NONE = 0;
/** In place of the number of a path that is not in the table. */
const UNKNOWN = -1;
/** Orders a slash before all characters of names, as walk_order.ts does. */
const SLASH_RANK = 1;
const END_RANK = 0;

/**
 * Paths as numbers: the same path has the same number, and is kept as its last name and the number of the path above. The texts of
 * a chain of a thousand nodes would take a megabyte. All memory is used again after {@link clear}.
 */
export class PathTable implements PathsIn<number>, PathsOut<number> {
  /** Of each path by its number: that of the path above, where its last name begins, its length, how many names it has. */
  #above = new Int32Array(PATH_TABLE_PLACES_FIRST);
  #nameAt = new Int32Array(PATH_TABLE_PLACES_FIRST);
  #length = new Int32Array(PATH_TABLE_PLACES_FIRST);
  #depth = new Int32Array(PATH_TABLE_PLACES_FIRST);
  #count = 1;
  /** The last names of all, one behind the other. */
  #names = new Uint8Array(PATH_TABLE_BYTES_FIRST);
  #namesEnd = 0;
  /** The numbers of paths by the hash of their names and what is above; 0 for none. */
  #places = new Int32Array(2 * PATH_TABLE_PLACES_FIRST);
  /** The path that was read last, and the paths above it: their numbers, and where they end. */
  #path = new Uint8Array(PATH_TABLE_BYTES_FIRST);
  readonly #paths: number[] = [];
  readonly #ends: number[] = [];
  /** How many names the path has: an array that becomes shorter gives its memory back, and needs it again. */
  #readDepth = 0;
  #read = NONE;
  /** Whether paths that are read are only looked for. */
  #isLooking = false;
  /** The path that was written last. */
  #written = NONE;
  /** Where the two paths part that were compared last. */
  #partA = NONE;
  #partB = NONE;

  constructor() {
    this.#length[NONE] = -1;
  }

  /** Has no paths from now on: all numbers are void. */
  clear(): void {
    const isLarge = this.#above.length > PATH_TABLE_PLACES_REUSED ||
      this.#names.length > PATH_TABLE_BYTES_REUSED;
    if (isLarge) this.#dropSpare();
    else this.#places.fill(0);
    this.#count = 1;
    this.#namesEnd = 0;
    this.begin();
    this.restart();
  }

  /** Gives up the memory by which it has grown. */
  #dropSpare(): void {
    this.#above = new Int32Array(PATH_TABLE_PLACES_FIRST);
    this.#nameAt = new Int32Array(PATH_TABLE_PLACES_FIRST);
    this.#length = new Int32Array(PATH_TABLE_PLACES_FIRST);
    this.#depth = new Int32Array(PATH_TABLE_PLACES_FIRST);
    this.#names = new Uint8Array(PATH_TABLE_BYTES_FIRST);
    this.#places = new Int32Array(2 * PATH_TABLE_PLACES_FIRST);
    this.#length[NONE] = -1;
  }

  /** The next path that is read builds on none. */
  begin(): void {
    this.#readDepth = 0;
  }

  next(nodes: NodesReader): number {
    nodes.visitPath(this.#take);
    return this.#read;
  }

  /** The number of a path, which it adds if it is not there. The next path that is read builds on none. */
  number(path: string): number {
    this.begin();
    this.#take(0, toBytes(path), 0, path.length);
    this.begin();
    return this.#read;
  }

  /** Reads a path as {@link next} does, but adds none: returns its number, or a negative one if it is not there. */
  readonly look = (shared: number, bytes: Uint8Array, from: number, to: number): number => {
    this.#isLooking = true;
    this.#take(shared, bytes, from, to);
    this.#isLooking = false;
    return this.#read;
  };

  readonly #take = (shared: number, bytes: Uint8Array, from: number, to: number): void => {
    const length = shared + to - from, paths = this.#paths, ends = this.#ends;
    if (length > this.#path.length) this.#path = grownBytes(this.#path, length);
    const path = this.#path;
    for (let at = shared, i = from; i < to; at++, i++) path[at] = bytes[i]!;
    // Names that end within the shared part are still names.
    let depth = this.#readDepth;
    for (; depth > 0; depth--) {
      const end = ends[depth - 1]!;
      if (end < shared || end === shared && (end === length || path[end] === SLASH)) break;
    }
    let above = depth === 0 ? NONE : paths[depth - 1]!;
    for (let at = depth === 0 ? 0 : ends[depth - 1]! + 1; at <= length;) {
      let end = at;
      while (end < length && path[end] !== SLASH) end++;
      above = this.#enter(above, at, end);
      paths[depth] = above;
      ends[depth++] = end;
      at = end + 1;
    }
    this.#readDepth = depth;
    this.#read = above;
  };

  /** The path of the name that stands in the path being read, below `above`. */
  #enter(above: number, from: number, to: number): number {
    if (above === UNKNOWN) return UNKNOWN;
    const path = this.#path;
    let hash = Math.imul(above ^ FNV_START, FNV_PRIME);
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ path[i]!, FNV_PRIME);
    const places = this.#places, last = places.length - 1;
    let at = mixedHash(hash) & last;
    for (; places[at] !== 0; at = at + 1 & last) {
      if (this.#is(places[at]!, above, from, to)) return places[at]!;
    }
    if (this.#isLooking) return UNKNOWN;
    const id = this.#count;
    if (2 * id >= places.length) {
      this.#grow();
      return this.#enter(above, from, to);
    }
    places[at] = id;
    this.#count++;
    this.#above[id] = above;
    this.#depth[id] = this.#depth[above]! + 1;
    this.#length[id] = this.#length[above]! + 1 + to - from;
    this.#nameAt[id] = this.#namesEnd;
    const end = this.#namesEnd + to - from;
    if (end > this.#names.length) this.#names = grownBytes(this.#names, end);
    for (let i = from; i < to; i++) this.#names[this.#namesEnd++] = path[i]!;
    return id;
  }

  #is(id: number, above: number, from: number, to: number): boolean {
    if (this.#above[id] !== above) return false;
    if (this.#length[id] !== this.#length[above]! + 1 + to - from) return false;
    const names = this.#names, path = this.#path, at = this.#nameAt[id]! - from;
    for (let i = from; i < to; i++) if (names[at + i] !== path[i]) return false;
    return true;
  }

  /** Makes room for twice as many paths. */
  #grow(): void {
    const places = new Int32Array(2 * this.#places.length), last = places.length - 1;
    this.#above = grownNumbers(this.#above);
    this.#nameAt = grownNumbers(this.#nameAt);
    this.#length = grownNumbers(this.#length);
    this.#depth = grownNumbers(this.#depth);
    for (let id = 1; id < this.#count; id++) {
      let hash = Math.imul(this.#above[id]! ^ FNV_START, FNV_PRIME);
      const from = this.#nameAt[id]!, to = from + this.#nameLength(id);
      for (let i = from; i < to; i++) hash = Math.imul(hash ^ this.#names[i]!, FNV_PRIME);
      let at = mixedHash(hash) & last;
      while (places[at] !== 0) at = at + 1 & last;
      places[at] = id;
    }
    this.#places = places;
  }

  #nameLength(id: number): number {
    return this.#length[id]! - this.#length[this.#above[id]!]! - 1;
  }

  readonly weigh: WeighPath<number> = (id, before) =>
    pathWeight(this.#length[id]!, before === null ? 0 : this.shared(before, id));

  /** The number of the path above. */
  above(id: number): number {
    return this.#above[id]!;
  }

  lengthOf(id: number): number {
    return this.#length[id]!;
  }

  /** Negative when `a` comes before `b` in the order of a walk. */
  readonly compareInWalk = (a: number, b: number): number => {
    this.#part(a, b);
    const nameA = this.#partA, nameB = this.#partB;
    if (nameA === NONE || nameB === NONE) return this.#length[a]! - this.#length[b]!;
    const same = this.#sharedName(), restA = this.#rankAt(nameA, same, a);
    const restB = this.#rankAt(nameB, same, b);
    return restA - restB;
  };

  /** What comes behind the first `same` characters of the last name of `id`, on the way to `path`: less than all characters if nothing. */
  #rankAt(id: number, same: number, path: number): number {
    if (same < this.#nameLength(id)) return this.#names[this.#nameAt[id]! + same]!;
    return id === path ? END_RANK : SLASH_RANK;
  }

  text(id: number): string {
    const bytes = new Uint8Array(this.#length[id]!);
    this.#put(id, 0, bytes, 0);
    return toText(bytes);
  }

  /** How many characters two paths begin with alike. */
  shared(a: number, b: number): number {
    const length = this.#length[this.#part(a, b)]!;
    // One is the other, or stands below it, or none has any name yet.
    if (this.#partA === NONE || this.#partB === NONE) return Math.max(length, 0);
    return length + 1 + this.#sharedName();
  }

  /** Finds where two paths part: returns the last one above both, and notes the next ones on the way to each. */
  #part(a: number, b: number): number {
    const above = this.#above, depth = this.#depth;
    let partA = NONE, partB = NONE;
    for (; depth[a]! > depth[b]!; a = above[a]!) partA = a;
    for (; depth[b]! > depth[a]!; b = above[b]!) partB = b;
    while (a !== b) {
      partA = a;
      partB = b;
      a = above[a]!;
      b = above[b]!;
    }
    this.#partA = partA;
    this.#partB = partB;
    return a;
  }

  /** How many characters the names begin with alike by which two paths part. */
  #sharedName(): number {
    const names = this.#names, a = this.#partA, b = this.#partB;
    const atA = this.#nameAt[a]!, atB = this.#nameAt[b]!;
    const most = Math.min(this.#nameLength(a), this.#nameLength(b));
    let same = 0;
    while (same < most && names[atA + same] === names[atB + same]) same++;
    return same;
  }

  /** Writes what of a path is behind its first `from` characters; returns its end. */
  #put(id: number, from: number, to: Uint8Array, at: number): number {
    const end = at + this.#length[id]! - from;
    for (; this.#length[id]! > from; id = this.#above[id]!) {
      const begin = this.#length[this.#above[id]!]! + 1, nameAt = this.#nameAt[id]!;
      for (let i = this.#nameLength(id) - 1; i >= 0 && begin + i >= from; i--) {
        to[at + begin + i - from] = this.#names[nameAt + i]!;
      }
      if (begin > from) to[at + begin - 1 - from] = SLASH;
    }
    return end;
  }

  restart(): void {
    this.#written = NONE;
  }

  room(id: number): number {
    return VARINT_ROOM + 2 + this.#length[id]!;
  }

  pathAt(bytes: Uint8Array, at: number, id: number): number {
    const shared = this.shared(this.#written, id), length = this.#length[id]! - shared;
    this.#written = id;
    at = varintAt(bytes, at, shared);
    bytes[at++] = length & 0xff;
    bytes[at++] = length >>> 8;
    return this.#put(id, shared, bytes, at);
  }
}

function grownBytes(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.max(size, 2 * bytes.length));
  grown.set(bytes);
  return grown;
}

function grownNumbers(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * numbers.length);
  grown.set(numbers);
  return grown;
}
