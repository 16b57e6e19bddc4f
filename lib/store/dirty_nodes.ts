import { DIRTY_ENTRIES_REUSED, DIRTY_ENTRIES_SCANNED_MAX } from "../limits.ts";
import { visitAll } from "./lookup.ts";
import { parentOf } from "./names.ts";
import type { Node } from "./node.ts";
import { ROOT_PATH } from "./path.ts";

/** What of a node changed, besides its generation: bits to be added up. */
export const DIRTY_GENERATION = 0;
export const DIRTY_PERMS = 1;
export const DIRTY_VALUE = 2;
/** The node was not there before. */
export const DIRTY_NEW = 4;

/** Told of every change of a tree's nodes. */
export interface NodeMarks {
  /** `what` of the node at `path` changed; `node` is the tree's own version of it. */
  changed(path: string, node: Node, what: number): void;
  /** `node` was removed from `path` with all below it. */
  removed(path: string, node: Node): void;
}

/** A node that changed; without one, it changed and was removed. */
export interface DirtyNode {
  path: string;
  node: Node | null;
  what: number;
}

/** Where work is charged, in the units of lib/engine/work_meter.ts. */
interface Metered {
  add(units: number): void;
}

/**
 * What a record takes, from its encoding to its share of the image that makes it needless: measured
 * with `deno task bench:meter`, see docs/performance.md.
 */
const UNITS_PER_RECORD = 20;
/** Of a path one unit for 32 bytes, since only its end is written in full; of a value one for each. */
const PATH_SHIFT = 5;
const SLASH = 0x2f;

/**
 * The nodes of one tree that changed since the last {@link clear}: each stands here once, as it now
 * is, parents before the children that were made below them. What was made and removed since then
 * leaves nothing.
 *
 * A node remembers its entry (`Node.mark`), and its copies do. That is a hint only, since it stays
 * when the entries are cleared: an entry of the same path is the node's.
 */
export class DirtyNodes implements NodeMarks {
  readonly #entries: DirtyNode[] = [];
  #count = 0;
  /** Paths whose former nodes are gone with all below, in order. */
  readonly gone: string[] = [];
  /** These nodes as they were, by the same indices. */
  readonly goneNodes: Node[] = [];
  /** Charged with what it takes to write down what changed. */
  meter: Metered | null = null;

  get isEmpty(): boolean {
    return this.#count === 0 && this.gone.length === 0;
  }

  /** How many entries there are, those of removed nodes included. */
  get count(): number {
    return this.#count;
  }

  /** The entry at `index`, in the order of first changes; valid until the next {@link clear}. */
  at(index: number): DirtyNode {
    return this.#entries[index]!;
  }

  changed(path: string, node: Node, what: number): void {
    const known = this.#entryOf(path, node);
    if (known === null) return this.#add(path, node, what);
    known.node = node;
    if ((known.what | what) === known.what) return;
    known.what |= what;
    this.#charge(unitsOf(path, node, what));
  }

  removed(path: string, node: Node): void {
    const known = this.#entryOf(path, node);
    if (known !== null) known.node = null;
    if (known === null || (known.what & DIRTY_NEW) === 0) {
      this.gone.push(path);
      this.goneNodes.push(node);
      this.#charge(path.length >> PATH_SHIFT);
    }
    if (node.children === null || this.#count === 0) return;
    if (this.#count <= DIRTY_ENTRIES_SCANNED_MAX) {
      for (let i = 0; i < this.#count; i++) this.#forgetBelow(path, this.#entries[i]!);
      return;
    }
    visitAll(node, path.length, ({ mark }) => {
      if (mark > 0 && mark <= this.#count) this.#forgetBelow(path, this.#entries[mark - 1]!);
    });
  }

  /** Whatever stands under a path that was below `path` was removed with it. */
  #forgetBelow(path: string, entry: DirtyNode): void {
    if (entry.path.charCodeAt(path.length) === SLASH && entry.path.startsWith(path)) {
      entry.node = null;
    }
  }

  #entryOf(path: string, { mark }: Node): DirtyNode | null {
    if (mark === 0 || mark > this.#count) return null;
    const entry = this.#entries[mark - 1]!;
    return entry.node !== null && entry.path === path ? entry : null;
  }

  #add(path: string, node: Node, what: number): void {
    const at = this.#count++;
    node.mark = this.#count;
    if (at === this.#entries.length) {
      this.#entries.push({ path, node, what });
    } else {
      const entry = this.#entries[at]!;
      entry.path = path;
      entry.node = node;
      entry.what = what;
    }
    this.#charge(unitsOf(path, node, what));
  }

  #charge(units: number): void {
    if (this.meter !== null) this.meter.add(UNITS_PER_RECORD + units);
  }

  /** Nothing has changed from now on. */
  clear(): void {
    const reused = Math.min(this.#count, DIRTY_ENTRIES_REUSED);
    for (let i = 0; i < reused; i++) {
      const entry = this.#entries[i]!;
      entry.path = "";
      entry.node = null;
    }
    if (this.#entries.length > DIRTY_ENTRIES_REUSED) this.#entries.length = DIRTY_ENTRIES_REUSED;
    this.#count = 0;
    // Most have a few at most, and to set the length would give their memory back.
    while (this.gone.length > 0) {
      this.gone.pop();
      this.goneNodes.pop();
    }
  }
}

/**
 * Marks the node whose path has `length` characters of `path`, as `above`, and those made below it:
 * `between` and, at `path`, `node`. Without any between, it is the parent.
 */
export function markMade(
  marks: NodeMarks,
  path: string,
  length: number,
  above: Node,
  between: readonly Node[] | null,
  node: Node,
): void {
  const top = between === null ? parentOf(path) : path.slice(0, length) || ROOT_PATH;
  marks.changed(top, above, DIRTY_GENERATION);
  if (between !== null) {
    for (const made of between) {
      length += 1 + made.name.length;
      marks.changed(path.slice(0, length), made, DIRTY_NEW);
    }
  }
  marks.changed(path, node, DIRTY_NEW);
}

/** About what a record of that takes, in units. */
function unitsOf(path: string, node: Node, what: number): number {
  const units = path.length >> PATH_SHIFT;
  return (what & DIRTY_VALUE) === 0 ? units : units + node.value.length;
}

/** Changes of a tree that may yet be dropped, to be told when it is adopted. */
export class DeferredMarks implements NodeMarks {
  readonly #changes: { readonly path: string; readonly node: Node; readonly what: number }[] = [];

  changed(path: string, node: Node, what: number): void {
    // Most often a node that was just made gets its first child.
    if (what === DIRTY_GENERATION && this.#isLast(node)) return;
    this.#changes.push({ path, node, what });
  }

  #isLast(node: Node): boolean {
    const last = this.#changes.at(-1);
    return last !== undefined && last.node === node && last.what !== REMOVED;
  }

  removed(path: string, node: Node): void {
    this.#changes.push({ path, node, what: REMOVED });
  }

  /** Tells `marks` all of it, in order. */
  applyTo(marks: NodeMarks): void {
    for (const { path, node, what } of this.#changes) {
      if (what === REMOVED) marks.removed(path, node);
      else marks.changed(path, node, what);
    }
  }
}

const REMOVED = -1;
