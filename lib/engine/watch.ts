import { getChild } from "../store/children.ts";
import type { Node } from "../store/node.ts";
import { childPath, isSpecial } from "../store/path.ts";
import type { Connection } from "./connection.ts";

/** One registered watch. */
export interface Watch {
  /** Rises with each registration: the order of events within a connection. */
  readonly id: number;
  readonly connection: Connection;
  /** Canonical. */
  readonly path: string;
  /** Whether it was registered relative to the connection's home: then events are, too. */
  readonly relative: boolean;
  readonly token: string;
  /** Levels below `path` that count; -1 for all. */
  readonly depth: number;
}

/** The path of an event as the watch's owner wants it. */
export function eventPath(watch: Watch, path: string): string {
  return watch.relative ? path.slice(watch.connection.home.length + 1) : path;
}

/** A node (or not yet one) on which there are watches, or below which there are. */
interface Place {
  readonly name: string;
  readonly above: Place | null;
  below: Map<string, Place> | null;
  watches: Watch[];
}

function newPlace(name: string, above: Place | null): Place {
  return { name, above, below: null, watches: [] };
}

/** A watch on a node below a removed one, with that node's path. */
export interface Removed {
  readonly path: string;
  readonly node: Node;
  readonly parent: Node;
  readonly watches: readonly Watch[];
}

const NONE: readonly Watch[] = [];

/** Across watchers by age of connection, then of watch (C's order). */
function byAge(a: Watch, b: Watch): number {
  return a.connection.id - b.connection.id || a.id - b.id;
}

/**
 * All watches, in a trie by path: to find those that a change fires costs the depth of the
 * path, however many there are.
 */
export class Watches {
  readonly #root = newPlace("", null);
  readonly #specials = new Map<string, Watch[]>();
  #idLast = 0;
  /** How many watches have a depth: without any, levels need not be counted. */
  #limited = 0;

  /** An id for a new watch. */
  nextId(): number {
    return ++this.#idLast;
  }

  add(watch: Watch): void {
    if (watch.depth >= 0) this.#limited++;
    if (isSpecial(watch.path)) {
      const watches = this.#specials.get(watch.path);
      if (watches === undefined) this.#specials.set(watch.path, [watch]);
      else watches.push(watch);
      return;
    }
    let place = this.#root;
    for (const name of names(watch.path)) {
      place.below ??= new Map();
      let next = place.below.get(name);
      if (next === undefined) place.below.set(name, next = newPlace(name, place));
      place = next;
    }
    place.watches.push(watch);
  }

  remove(watch: Watch): void {
    if (watch.depth >= 0) this.#limited--;
    if (isSpecial(watch.path)) {
      const watches = this.#specials.get(watch.path)!.filter((other) => other !== watch);
      if (watches.length === 0) this.#specials.delete(watch.path);
      else this.#specials.set(watch.path, watches);
      return;
    }
    let place: Place | null = this.#root;
    for (const name of names(watch.path)) place = place!.below!.get(name)!;
    place.watches = place.watches.filter((other) => other !== watch);
    while (place !== null && place.above !== null && isBare(place)) {
      place.above.below!.delete(place.name);
      place = place.above;
    }
  }

  /** The watches that a change of the node at `path` itself fires, in order. */
  at(path: string): readonly Watch[] {
    if (isSpecial(path)) return this.special(path);
    let found: Watch[] | null = null;
    let place: Place | undefined = this.#root;
    let levels = this.#limited === 0 ? 0 : countNames(path);
    for (let from = 1;;) {
      for (const watch of place.watches) {
        if (watch.depth < 0 || watch.depth >= levels) (found ??= []).push(watch);
      }
      levels--;
      if (from >= path.length || place.below === null) break;
      const slash = path.indexOf("/", from);
      const to = slash < 0 ? path.length : slash;
      place = place.below.get(path.slice(from, to));
      if (place === undefined) break;
      from = to + 1;
    }
    if (found === null) return NONE;
    return found.length > 1 ? found.sort(byAge) : found;
  }

  /** The place of the node at `path`; undefined when nothing there or below is watched. */
  #placeOf(path: string): Place | undefined {
    let place: Place | undefined = this.#root;
    for (let from = 1; from < path.length && place !== undefined;) {
      const slash = path.indexOf("/", from);
      const to = slash < 0 ? path.length : slash;
      place = place.below?.get(path.slice(from, to));
      from = to + 1;
    }
    return place;
  }

  /** The watches on exactly the special `path`. */
  special(path: string): readonly Watch[] {
    const watches = this.#specials.get(path);
    return watches === undefined ? NONE : [...watches].sort(byAge);
  }

  /**
   * The watches exactly on nodes that exist below `node`, which is at `path` and about to go:
   * deepest first, siblings in creation order. Costs what is watched there, not what exists.
   */
  below(path: string, node: Node): Removed[] {
    const removed: Removed[] = [];
    const place = this.#placeOf(path);
    if (place === undefined || place.below === null) return removed;
    // Parents before children, later siblings first: backwards that is the order wanted.
    const pending = watchedChildren(place, path, node);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next.place.watches.length > 0) {
        removed.push({ ...next, watches: [...next.place.watches].sort(byAge) });
      }
      pending.push(...watchedChildren(next.place, next.path, next.node));
    }
    return removed.reverse();
  }
}

interface Watched {
  readonly place: Place;
  readonly path: string;
  readonly node: Node;
  readonly parent: Node;
}

function watchedChildren(place: Place, path: string, parent: Node): Watched[] {
  const watched: Watched[] = [];
  if (place.below === null || parent.children === null) return watched;
  for (const [name, below] of place.below) {
    const node = getChild(parent.children, name);
    if (node !== null) watched.push({ place: below, path: childPath(path, name), node, parent });
  }
  return watched.sort((a, b) => a.node.ordinal - b.node.ordinal);
}

function isBare(place: Place): boolean {
  return place.watches.length === 0 && (place.below === null || place.below.size === 0);
}

function names(path: string): string[] {
  return path.length === 1 ? [] : path.slice(1).split("/");
}

function countNames(path: string): number {
  if (path.length === 1) return 0;
  let count = 0;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) count++;
  return count;
}
