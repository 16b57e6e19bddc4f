import { TRAIL_BYTES_FIRST } from "../limits.ts";
import { putText, toText } from "../wire/text.ts";
import { isSpecial } from "./path.ts";

const SLASH = 0x2f;

/**
 * The path of one node after another, without a string for each: the paths of a chain of a thousand nodes are a
 * megabyte. Going on to the next path costs the names that it does not share with the one before.
 */
export class Trail {
  /** The path's characters, a byte each, and what earlier paths have left behind them. */
  bytes: Uint8Array = new Uint8Array(TRAIL_BYTES_FIRST);
  /** How many characters it has. */
  length = 1;
  /** How many names it has: none in the root's path, nor in a special's. */
  depth = 0;
  /** How many characters, and how many names, it has in common with the path of the last {@link mark}, at least. */
  shared = 0;
  sharedDepth = 0;
  /** Its names, and those that earlier paths have left behind them. */
  readonly names: string[] = [];
  /** Where each name ends. */
  readonly #ends: number[] = [];
  /** How many of its names may be others' texts. */
  #deepest = 0;

  constructor() {
    this.bytes[0] = SLASH;
  }

  /** Whether it is a special's. */
  get isSpecial(): boolean {
    return this.bytes[0] !== SLASH;
  }

  /** The path as text. */
  get text(): string {
    return toText(this.bytes, 0, this.length);
  }

  /** What comes now is compared with this path. */
  mark(): void {
    this.shared = this.length;
    this.sharedDepth = this.depth;
  }

  /** Begins again at the root, with no path before it; it releases all names, but not its memory. */
  restart(): void {
    this.names.fill("", 0, this.#deepest);
    this.#deepest =
      this.depth =
      this.shared =
      this.sharedDepth =
        0;
    this.bytes[0] = SLASH;
    this.length = 1;
  }

  /** Goes to the root. */
  toRoot(): void {
    this.#share(this.bytes[0] === SLASH ? 1 : 0, 0);
    this.bytes[0] = SLASH;
    this.depth = 0;
    this.length = 1;
  }

  /** Goes to a child named `name` of the node that the first `depth - 1` names lead to. */
  enter(depth: number, name: string): void {
    const above = depth === 1 ? 0 : this.#ends[depth - 2]!, length = above + 1 + name.length;
    if (length > this.bytes.length) this.#grow(length);
    const { bytes } = this;
    // The path was that of the parent, unless it went on.
    let same = above;
    if (this.length > above && bytes[above] === SLASH) {
      same++;
      const most = this.length < length ? this.length : length;
      while (same < most && bytes[same] === name.charCodeAt(same - above - 1)) same++;
    }
    bytes[above] = SLASH;
    putText(bytes, above + 1, name);
    this.#share(same, depth - 1);
    this.names[depth - 1] = name;
    this.#ends[depth - 1] = length;
    if (depth > this.#deepest) this.#deepest = depth;
    this.depth = depth;
    this.length = length;
  }

  /** Goes to a canonical path, which may be a special. */
  goTo(path: string): void {
    if (isSpecial(path)) return this.#toSpecial(path);
    let depth = this.#commonDepth(path);
    if (depth === 0) this.toRoot();
    else this.#backTo(depth);
    for (let from = this.length + (depth === 0 ? 0 : 1); from < path.length;) {
      const slash = path.indexOf("/", from), to = slash < 0 ? path.length : slash;
      this.enter(++depth, path.slice(from, to));
      from = to + 1;
    }
  }

  #backTo(depth: number): void {
    this.#share(this.#ends[depth - 1]!, depth);
    this.depth = depth;
    this.length = this.#ends[depth - 1]!;
  }

  #toSpecial(path: string): void {
    this.#share(0, 0);
    if (path.length > this.bytes.length) this.#grow(path.length);
    this.depth = 0;
    this.length = putText(this.bytes, 0, path);
  }

  /** How many of its names `path` begins with. */
  #commonDepth(path: string): number {
    const { bytes } = this, ends = this.#ends;
    let depth = 0, at = 0;
    for (; depth < this.depth; depth++) {
      const end = ends[depth]!;
      while (at < end && bytes[at] === path.charCodeAt(at)) at++;
      if (at < end || end < path.length && path.charCodeAt(end) !== SLASH) break;
    }
    return depth;
  }

  #share(length: number, depth: number): void {
    if (length < this.shared) this.shared = length;
    if (depth < this.sharedDepth) this.sharedDepth = depth;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(2 * length);
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
