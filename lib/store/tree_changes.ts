import { Cursor } from "./cursor.ts";
import { differences } from "./difference.ts";
import { subtree } from "./lookup.ts";
import { NO_VALUE, type Node } from "./node.ts";
import { isSpecial } from "./path.ts";
import type { Perms } from "./perms.ts";

/** What stands at a node: its value and permissions. Neither is ever written into. */
export type NodeState = Pick<Node, "value" | "perms">;

/** A path at which something changed: null where there was no node, or is none. */
export interface Change {
  readonly path: string;
  readonly old: NodeState | null;
  readonly new: NodeState | null;
}

const NO_PERMS: Perms = [];

/** Told by a tree of its changes. */
export interface TreeObserver {
  /** The value or the permissions of `node` at `path` are about to change in place. */
  changing(path: string, node: Node): void;
  /** `node` was made at `path`, with those missing above it, below the first `aboveLength` characters. */
  made(path: string, aboveLength: number, node: Node): void;
  /** `node` was removed from `path` with all below it. */
  removed(path: string, node: Node): void;
  /** Another tree is about to take the place of that of `before`, in which nothing changes any more. */
  replaced(before: Node): void;
}

/** One thing that happened at a path. */
class Entry {
  path = "";
  /** As it was before. */
  old: NodeState | null = null;
  /** The changed or new node, which has the present state unless a later entry says otherwise; null for a removal. */
  node: Node | null = null;
  /** What was removed there with all below; null for another change. */
  removed: Node | null = null;
  /** Whether another entry reports it. */
  isReported = false;
}

/**
 * What changed on a tree since the last {@link clear}, of which each path's first and last state
 * count. To note a change takes an entry; the rest is found when the changes are read.
 */
export class TreeChanges implements TreeObserver {
  readonly #entries: Entry[] = [];
  /** The first entry and its old state, reused: most commits need no more. */
  readonly #first = new Entry();
  readonly #before = { value: NO_VALUE, perms: NO_PERMS };
  readonly #only = { path: "", old: null as NodeState | null, new: null as NodeState | null };
  /** The tree of before one took its place: from then on what differs from it has changed. */
  #base: Node | null = null;

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#base === null;
  }

  changing(path: string, node: Node): void {
    if (this.#base !== null) return;
    const { length } = this.#entries, { perms, value } = node;
    if (length === 0) {
      const before = this.#before;
      before.value = value;
      before.perms = perms;
      return this.#add(path, before, node, null);
    }
    const last = this.#entries[length - 1]!;
    if (last.path === path) last.node = node;
    else this.#add(path, { perms, value }, node, null);
  }

  made(path: string, aboveLength: number, node: Node): void {
    if (this.#base !== null) return;
    for (let to = path.indexOf("/", aboveLength + 1); to >= 0; to = path.indexOf("/", to + 1)) {
      this.#add(path.slice(0, to), null, null, null);
    }
    this.#add(path, null, node, null);
  }

  removed(path: string, node: Node): void {
    if (this.#base !== null) return;
    this.#add(path, node, null, node);
  }

  #add(path: string, old: NodeState | null, node: Node | null, removed: Node | null): void {
    const entry = this.#entries.length === 0 ? this.#first : new Entry();
    entry.path = path;
    entry.old = old;
    entry.node = node;
    entry.removed = removed;
    this.#entries.push(entry);
  }

  replaced(before: Node): void {
    this.#base ??= before;
  }

  /** Nothing has changed from now on. */
  clear(): void {
    this.#base = null;
    const entries = this.#entries;
    if (entries.length === 0) return;
    // Keep one place, since an array that grows from nothing allocates several.
    if (entries.length > 1) entries.length = 1;
    entries.pop();
    const first = this.#first, before = this.#before;
    first.old = first.node = first.removed = null;
    first.isReported = false;
    before.value = NO_VALUE;
    this.#only.old = this.#only.new = null;
  }

  /**
   * The change, if it is the only one, and of an ordinary node; null if it may not be. It is valid until the next change is
   * noted, and takes neither a search nor memory.
   */
  get only(): Change | null {
    const entries = this.#entries;
    if (entries.length !== 1 || this.#base !== null) return null;
    const { node, old, path, removed } = entries[0]!;
    if (isSpecial(path) || removed !== null && removed.children !== null) return null;
    const only = this.#only;
    only.path = path;
    only.old = old;
    only.new = node;
    return only;
  }

  /**
   * Each path at which something changed, once, parents that are there before their children. `find`
   * finds what now stands at a path, `root` is the tree. To be read before anything changes again.
   */
  read(root: Node, find: (path: string) => Node | null): Iterable<Change> {
    const { only } = this;
    // A generator would cost more than all else.
    return only === null ? this.#readAll(root, find) : [only];
  }

  *#readAll(root: Node, find: (path: string) => Node | null): Generator<Change, void> {
    const entries = this.#entries;
    // Paths come in the order in which they were made: a chain of 990 levels is walked once, not from the root each time.
    const cursor = new Cursor(root);
    const look = (path: string): Node | null => isSpecial(path) ? find(path) : cursor.find(path);
    const first = this.#base === null && isChain(entries) ? null : firstOf(entries);
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

/** Whether each path is longer than the previous one, as in a new chain of nodes: then no path is there twice. */
function isChain(entries: readonly Entry[]): boolean {
  for (let i = 1; i < entries.length; i++) {
    const { path, removed } = entries[i]!, before = entries[i - 1]!;
    if (removed !== null || before.removed !== null) return false;
    if (path.length <= before.path.length) return false;
  }
  return true;
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
