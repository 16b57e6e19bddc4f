import { DIRTY_ENTRIES_SCANNED_MAX } from "../limits.ts";
import { getChildIn, listChildren, onlyChild } from "./children.ts";
import { Cursor } from "./cursor.ts";
import { differences } from "./difference.ts";
import { subtree } from "./lookup.ts";
import { namesOf } from "./names.ts";
import { type Children, NO_VALUE, type Node } from "./node.ts";
import { isSpecial, ROOT_PATH } from "./path.ts";
import type { Perms } from "./perms.ts";
import { Trail } from "./trail.ts";

/** What stands at a node: its value and permissions. Neither is ever written into. */
export type NodeState = Pick<Node, "value" | "perms">;

/** A path at which something changed: null where there was no node, or is none. */
export interface Change {
  readonly path: string;
  readonly old: NodeState | null;
  readonly new: NodeState | null;
}

/**
 * Takes the change of the path at which `trail` is: null where there was no node, or is none. Nodes are handed out themselves:
 * a value or a permission list is never written into and may be kept, the node may not. False: it wants no more.
 */
export type ChangeVisitor = (trail: Trail, old: NodeState | null, now: NodeState | null) => boolean;

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
  /** For a node that was made with those above it: how many characters of the path there were before; else Infinity. */
  aboveLength = Infinity;
  /** Whether another entry reports it. */
  isReported = false;
}

const NO_ENTRIES: readonly Entry[] = [];

/**
 * What changed on a tree since the last {@link clear}, of which each path's first and last state
 * count. To note a change takes an entry; the rest is found when the changes are read.
 */
export class TreeChanges implements TreeObserver {
  /** The first entry and its old state, reused: most commits need no more. */
  readonly #first = new Entry();
  /** The first one is always there, and counts for nothing while {@link #count} is 0. */
  readonly #entries: Entry[] = [this.#first];
  #count = 0;
  /** What the first entry's node was, if that was there and was not removed. */
  readonly before: NodeState = { value: NO_VALUE, perms: NO_PERMS };
  readonly #only = { path: "", old: null as NodeState | null, new: null as NodeState | null };
  /** The tree of before one took its place: from then on what differs from it has changed. */
  #base: Node | null = null;
  /** Where a visit is, reused. */
  readonly #trail = new Trail();

  get isEmpty(): boolean {
    return this.#count === 0 && this.#base === null;
  }

  changing(path: string, node: Node): void {
    if (this.#base !== null) return;
    const { perms, value } = node;
    if (this.#count === 0) {
      const before = this.before;
      before.value = value;
      before.perms = perms;
      // As most commits: what `clear` has left of the first entry stays as it is.
      const first = this.#first;
      first.path = path;
      first.old = before;
      first.node = node;
      this.#count = 1;
      return;
    }
    const last = this.#entries[this.#count - 1]!;
    if (last.path === path) last.node = node;
    else this.#add(path, { perms, value }, node, null);
  }

  made(path: string, aboveLength: number, node: Node): void {
    if (this.#base !== null) return;
    this.#add(path, null, node, null);
    if (path.indexOf("/", aboveLength + 1) < 0) return;
    this.#entries[this.#count - 1]!.aboveLength = aboveLength;
  }

  removed(path: string, node: Node): void {
    if (this.#base !== null) return;
    this.#add(path, node, null, node);
  }

  #add(path: string, old: NodeState | null, node: Node | null, removed: Node | null): void {
    const entry = this.#count === 0 ? this.#first : new Entry();
    entry.path = path;
    entry.old = old;
    entry.node = node;
    entry.removed = removed;
    if (this.#count++ > 0) this.#entries.push(entry);
  }

  replaced(before: Node): void {
    this.#base ??= before;
  }

  /** Nothing has changed from now on. */
  clear(): void {
    if (this.#count === 0 && this.#base === null) return;
    this.#base = null;
    if (this.#count > 1) this.#entries.length = 1;
    this.#count = 0;
    const first = this.#first, before = this.before;
    first.old = first.node = first.removed = null;
    first.isReported = false;
    first.aboveLength = Infinity;
    before.value = NO_VALUE;
    this.#only.old = this.#only.new = null;
  }

  /** The node at `path`, if the only change is one of that node in place; else null. {@link before} is what it was. */
  onlyAt(path: string): Node | null {
    const { node, old, path: changed } = this.#first;
    return this.#count === 1 && this.#base === null && changed === path && old === this.before
      ? node
      : null;
  }

  /** As {@link clear}, behind {@link onlyAt}: the next change takes the place of all that is left in memory. */
  forgetOnly(): void {
    this.#count = 0;
  }

  /**
   * The change, if it is the only one, and of an ordinary node; null if it may not be. It is valid until the next change is
   * noted, and takes neither a search nor memory.
   */
  get only(): Change | null {
    if (this.#count !== 1 || this.#base !== null) return null;
    const { aboveLength, node, old, path, removed } = this.#first;
    if (
      aboveLength < Infinity || isSpecial(path) || removed !== null && removed.children !== null
    ) return null;
    const only = this.#only;
    only.path = path;
    only.old = old;
    only.new = node;
    return only;
  }

  /**
   * Visits each path at which something changed, once, parents that are there before their children. `find` finds what now
   * stands at a path, `root` is the tree. To be called before anything changes again.
   */
  visit(root: Node, find: (path: string) => Node | null, visit: ChangeVisitor): void {
    const tour = new Tour(visit, this.#trail);
    const entries = this.#count === 0 ? NO_ENTRIES : this.#entries;
    if (this.#base !== null) visitReplaced(tour, this.#base, root, entries, find);
    else if (entries.length === 1) visitOnly(tour, entries[0]!, root, find);
    else visitEntries(tour, inLevels(entries), root, find);
    this.#trail.restart();
  }
}

/** Takes a visitor from path to path. */
class Tour {
  constructor(private readonly visitor: ChangeVisitor, readonly trail: Trail) {}

  /** Visits the path at which the trail is; false when the visitor wants no more. */
  here(old: NodeState | null, now: NodeState | null): boolean {
    const goesOn = this.visitor(this.trail, old, now);
    this.trail.mark();
    return goesOn;
  }

  at(path: string, old: NodeState | null, now: NodeState | null): boolean {
    this.trail.goTo(path);
    return this.here(old, now);
  }
}

/**
 * Visits all nodes below the one at which `trail` is, parents first, siblings in creation order: they are there, or
 * (`areGone`) were. False when the visitor wants no more.
 */
function visitBelow(tour: Tour, top: Node, areGone: boolean): boolean {
  const { trail } = tour, nodes: Node[] = [], depths: number[] = [];
  const push = (children: Children | null, depth: number): void => {
    const only = children === null ? null : onlyChild(children);
    if (only !== null) {
      nodes.push(only);
      depths.push(depth);
      return;
    }
    const below = listChildren(children);
    for (let i = below.length - 1; i >= 0; i--) {
      nodes.push(below[i]!);
      depths.push(depth);
    }
  };
  push(top.children, trail.depth + 1);
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const depth = depths.pop()!;
    trail.enter(depth, node.name);
    if (!tour.here(areGone ? node : null, areGone ? null : node)) return false;
    if (node.children !== null) push(node.children, depth + 1);
  }
  return true;
}

/** Visits a whole tree, all of which is new. */
export function visitAll(
  root: Node,
  specials: ReadonlyMap<string, Node>,
  visitor: ChangeVisitor,
): void {
  const tour = new Tour(visitor, new Trail());
  for (const [path, node] of specials) if (!tour.at(path, null, node)) return;
  if (tour.at(ROOT_PATH, null, root)) visitBelow(tour, root, false);
}

/** The only thing that happened is found without a text for each path. */
function visitOnly(
  tour: Tour,
  { aboveLength, node, old, path, removed }: Entry,
  root: Node,
  find: (path: string) => Node | null,
): void {
  if (aboveLength < Infinity) return visitMade(tour, path, aboveLength, root);
  const now = isSpecial(path) ? find(path) : node;
  if (tour.at(path, old, now) && removed !== null) visitBelow(tour, removed, true);
}

function visitMade(tour: Tour, path: string, aboveLength: number, root: Node): void {
  const { count, ends, hashes } = namesOf(path);
  let node = root, from = 1;
  for (let i = 0; i < count; i++) {
    const to = ends[i]!;
    node = getChildIn(node.children!, path, from, to, hashes[i]!)!;
    tour.trail.enter(i + 1, node.name);
    if (to > aboveLength && !tour.here(null, node)) return;
    from = to + 1;
  }
}

/** Gives each node that was made an entry of its own. */
function inLevels(entries: readonly Entry[]): Entry[] {
  const all: Entry[] = [];
  for (const entry of entries) {
    const { aboveLength, path } = entry;
    if (aboveLength < Infinity) {
      for (let to = path.indexOf("/", aboveLength + 1); to >= 0; to = path.indexOf("/", to + 1)) {
        const made = new Entry();
        made.path = path.slice(0, to);
        all.push(made);
      }
    }
    all.push(entry);
  }
  return all;
}

/** Several things that happened may have touched one path. */
function visitEntries(
  tour: Tour,
  entries: readonly Entry[],
  root: Node,
  find: (path: string) => Node | null,
  /** Gets the paths that were visited. */
  visited: Set<string> | null = null,
): boolean {
  const cursor = new Cursor(root);
  const look = (path: string): Node | null => isSpecial(path) ? find(path) : cursor.find(path);
  const first = firstOf(entries);
  for (let i = 0; i < entries.length; i++) {
    const { isReported, old, path, removed } = entries[i]!;
    const now = look(path);
    visited?.add(path);
    if (!isReported && (old !== null || now !== null) && !tour.at(path, old, now)) return false;
    if (removed === null || removed.children === null) continue;
    if (now === null && visited === null && isAlone(path, entries, i)) {
      tour.trail.goTo(path);
      if (!visitBelow(tour, removed, true)) return false;
      continue;
    }
    for (const [below, old] of subtree(removed, path)) {
      if (old === removed || !isFirst(below, i, entries, first)) continue;
      visited?.add(below);
      if (!tour.at(below, old, now === null ? null : look(below))) return false;
    }
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

/** Whether no other entry is of a path below that of the one at `index`. */
function isAlone(path: string, entries: readonly Entry[], index: number): boolean {
  if (entries.length > DIRTY_ENTRIES_SCANNED_MAX) return false;
  const above = `${path}/`;
  return entries.every((entry, i) => i === index || !entry.path.startsWith(above));
}

/** Whether a path below the one that the entry at `index` removed had not changed before. */
function isFirst(
  path: string,
  index: number,
  entries: readonly Entry[],
  first: ReadonlyMap<string, number>,
): boolean {
  const known = first.get(path);
  if (known === undefined) return true;
  if (known < index) return false;
  // Made again afterwards: what was here is its first state.
  entries[known]!.isReported = true;
  return true;
}

/** What was there before another tree came, and what that has changed. */
function visitReplaced(
  tour: Tour,
  base: Node,
  root: Node,
  entries: readonly Entry[],
  find: (path: string) => Node | null,
): void {
  // What was removed before may be in the new tree, too.
  const visited = entries.length === 0 ? null : new Set<string>();
  if (visited !== null && !visitEntries(tour, inLevels(entries), root, find, visited)) return;
  const { trail } = tour;
  const isKnown = (): boolean => visited !== null && visited.has(trail.text);
  for (const difference of differences(base, root, ROOT_PATH, trail)) {
    if (difference === null) continue;
    const { after, before } = difference;
    if (!isKnown() && !tour.here(before, after)) return;
    if (after !== null || before!.children === null) continue;
    if (visited === null) {
      if (!visitBelow(tour, before!, true)) return;
      continue;
    }
    for (const [below, old] of subtree(before!, difference.path)) {
      if (old !== before && !visited.has(below) && !tour.at(below, old, null)) return;
    }
  }
}
