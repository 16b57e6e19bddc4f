import { Cursor } from "./cursor.ts";
import { differences } from "./difference.ts";
import { subtree } from "./lookup.ts";
import type { Node } from "./node.ts";
import { isSpecial } from "./path.ts";

/** What stands at a node: its value and permissions. Neither is ever written into. */
export type NodeState = Pick<Node, "value" | "perms">;

/** A path at which something changed: null where there was no node, or is none. */
export interface Change {
  readonly path: string;
  readonly old: NodeState | null;
  readonly new: NodeState | null;
}

/** Told by a tree of its changes. */
export interface TreeObserver {
  /** The value or the permissions of `node` at `path` are about to change in place. */
  changing(path: string, node: Node): void;
  /** The node at `path` was made, with those missing above it, below the first `aboveLength` characters. */
  made(path: string, aboveLength: number): void;
  /** `node` was removed from `path` with all below it. */
  removed(path: string, node: Node): void;
  /** Another tree is about to take the place of that of `before`, in which nothing changes any more. */
  replaced(before: Node): void;
}

/** One thing that happened at a path. */
interface Entry {
  readonly path: string;
  /** As it was before. */
  readonly old: NodeState | null;
  /** What was removed there with all below; null for another change. */
  readonly removed: Node | null;
  /** It is told by another one. */
  isReported: boolean;
}

/**
 * What changed on a tree since the last {@link clear}, of which each path's first and last state
 * count. To note a change takes an entry; the rest is found when the changes are read.
 */
export class TreeChanges implements TreeObserver {
  #entries: Entry[] = [];
  /** The tree of before one took its place: from then on what differs from it has changed. */
  #base: Node | null = null;

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#base === null;
  }

  changing(path: string, { perms, value }: Node): void {
    if (this.#base !== null || this.#entries.at(-1)?.path === path) return;
    this.#entries.push({ path, old: { perms, value }, removed: null, isReported: false });
  }

  made(path: string, aboveLength: number): void {
    if (this.#base !== null) return;
    for (let to = path.indexOf("/", aboveLength + 1); to >= 0; to = path.indexOf("/", to + 1)) {
      this.#entries.push({ path: path.slice(0, to), old: null, removed: null, isReported: false });
    }
    this.#entries.push({ path, old: null, removed: null, isReported: false });
  }

  removed(path: string, node: Node): void {
    if (this.#base !== null) return;
    this.#entries.push({ path, old: node, removed: node, isReported: false });
  }

  replaced(before: Node): void {
    this.#base ??= before;
  }

  /** Nothing has changed from now on. */
  clear(): void {
    // One place stays: most commits need no more, and an array that grows takes several.
    if (this.#entries.length === 1) this.#entries.pop();
    else if (this.#entries.length > 1) this.#entries = [];
    this.#base = null;
  }

  /**
   * Each path at which something changed, once, parents that are there before their children. `find`
   * finds what now stands at a path, `root` is the tree. To be read before anything changes again.
   */
  read(root: Node, find: (path: string) => Node | null): Iterable<Change> {
    // Most often it is one, and a generator would cost more than all else.
    const [only] = this.#entries;
    const isOnly = only !== undefined && this.#entries.length === 1 && this.#base === null &&
      (only.removed === null || only.removed.children === null);
    if (!isOnly) return this.#readAll(root, find);
    const { old, path } = only, now = find(path);
    return old === null && now === null ? [] : [{ path, old, new: now }];
  }

  *#readAll(root: Node, find: (path: string) => Node | null): Generator<Change, void> {
    const entries = this.#entries;
    // Paths come in the order in which they were made: a chain of 990 levels is walked once, not from the root each time.
    const cursor = new Cursor(root);
    const look = (path: string): Node | null => isSpecial(path) ? find(path) : cursor.find(path);
    const first = entries.length < 2 && this.#base === null ? null : firstOf(entries);
    // What was removed before another tree came may be in that, too.
    const reported = this.#base === null ? null : new Set<string>();
    for (let i = 0; i < entries.length; i++) {
      const { isReported, old, path, removed } = entries[i]!;
      const now = look(path);
      if (!isReported && (old !== null || now !== null)) yield { path, old, new: now };
      if (removed !== null && removed.children !== null) {
        for (const change of readRemoved(path, removed, now, look, entries, i, first)) {
          reported?.add(change.path);
          yield change;
        }
      }
    }
    if (this.#base === null) return;
    for (const path of first!.keys()) reported!.add(path);
    yield* readReplaced(this.#base, root, reported!);
  }
}

/** Where the first entry of each path is; the others are told by that. */
function firstOf(entries: readonly Entry[]): Map<string, number> {
  const first = new Map<string, number>();
  entries.forEach((entry, i) => {
    if (first.has(entry.path)) entry.isReported = true;
    else first.set(entry.path, i);
  });
  return first;
}

/** What stood below a node that was removed, but for what had changed before that. */
function* readRemoved(
  top: string,
  removed: Node,
  now: Node | null,
  find: (path: string) => Node | null,
  entries: readonly Entry[],
  index: number,
  first: ReadonlyMap<string, number> | null,
): Generator<Change, void> {
  for (const [path, old] of subtree(removed, top)) {
    if (old === removed) continue;
    const known = first?.get(path);
    if (known !== undefined) {
      if (known < index) continue;
      // Made again afterwards: what was here is its first state.
      entries[known]!.isReported = true;
    }
    yield { path, old, new: now === null ? null : find(path) };
  }
}

function* readReplaced(
  base: Node,
  root: Node,
  known: ReadonlySet<string>,
): Generator<Change, void> {
  for (const difference of differences(base, root)) {
    if (difference === null) continue;
    const { after, before, path } = difference;
    if (!known.has(path)) yield { path, old: before, new: after };
    if (after !== null || before!.children === null) continue;
    for (const [below, old] of subtree(before!, path)) {
      if (old !== before && !known.has(below)) yield { path: below, old, new: null };
    }
  }
}
