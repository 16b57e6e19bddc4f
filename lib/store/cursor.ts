import { getChildIn } from "./children.ts";
import { hashRange, type Node } from "./node.ts";

/** How a cursor goes to a child: null when there is none. */
export type Descent = (parent: Node, path: string, from: number, to: number, hash: number) =>
  | Node
  | null;

const LOOK: Descent = ({ children }, path, from, to, hash) =>
  children === null ? null : getChildIn(children, path, from, to, hash);

/**
 * Goes from path to path in one tree. What a path has in common with the one before is not walked
 * again, so that to find many paths in their order costs what they have of their own.
 */
export class Cursor {
  /** The root and the nodes found below it on the way to the last path. */
  readonly #nodes: Node[];
  /** Where in that path their names end. */
  readonly #ends: number[] = [0];
  readonly #descend: Descent;
  #depth = 0;
  #path = "";

  constructor(root: Node, descend: Descent = LOOK) {
    this.#nodes = [root];
    this.#descend = descend;
  }

  /** The node at an absolute canonical path, or null: then {@link nearest} is what is there of it. */
  find(path: string): Node | null {
    let depth = this.#sharedDepth(path);
    let node = this.#nodes[depth]!;
    for (let from = this.#ends[depth]! + 1; from < path.length;) {
      const slash = path.indexOf("/", from);
      const to = slash < 0 ? path.length : slash;
      const child = this.#descend(node, path, from, to, hashRange(path, from, to));
      if (child === null) {
        this.#stay(path, depth);
        return null;
      }
      node = child;
      depth++;
      this.#nodes[depth] = node;
      this.#ends[depth] = to;
      from = to + 1;
    }
    this.#stay(path, depth);
    return node;
  }

  /** The last node on the way to the last path. */
  get nearest(): Node {
    return this.#nodes[this.#depth]!;
  }

  /** Its parent; for the root, itself. */
  get above(): Node {
    return this.#nodes[Math.max(0, this.#depth - 1)]!;
  }

  /** The length of the path of {@link nearest} (0 for the root). */
  get nearestLength(): number {
    return this.#ends[this.#depth]!;
  }

  #stay(path: string, depth: number): void {
    this.#path = path;
    this.#depth = depth;
  }

  /** How many of the nodes found last are on the way to `path`, too. */
  #sharedDepth(path: string): number {
    const last = this.#path, ends = this.#ends;
    if (isAbove(last, ends[this.#depth]!, path)) return this.#depth;
    let shared = 0, differing = this.#depth;
    while (differing - shared > 1) {
      const depth = shared + differing >> 1;
      if (isAbove(last, ends[depth]!, path)) shared = depth;
      else differing = depth;
    }
    return shared;
  }
}

/**
 * Whether the first `length` characters of `text`, a path, are `path` or a path above it. To cut
 * texts and compare them takes a fiftieth of the time of `startsWith`, or of a loop, where they are long.
 */
function isAbove(text: string, length: number, path: string): boolean {
  if (length === 0) return true;
  if (length < path.length ? path.charCodeAt(length) !== SLASH : length > path.length) return false;
  return path.slice(0, length) === text.slice(0, length);
}

const SLASH = 0x2f;
