import { getChild } from "../store/children.ts";
import type { Node } from "../store/node.ts";
import { isSpecial } from "../store/path.ts";
import { flatText } from "../wire/text.ts";
import type { Connection } from "./connection.ts";
import { countNames, Place, sharedLength } from "./watch_place.ts";

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
  /** Where {@link Watches} has it; null while it does not. */
  place: Place | null;
  /** Its position among the watches of that place. */
  index: number;
}

/** What a watch is known by within its connection (xenstore.txt, WATCH). */
export function watchKey(path: string, token: string): string {
  return `${path}\0${token}`;
}

/** The path of an event as the watch's owner wants it. */
export function eventPath(watch: Watch, path: string): string {
  return watch.relative ? path.slice(watch.connection.home.length + 1) : path;
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
 * path, however many there are; to remove one costs the same among ten at its path and 40,000.
 */
export class Watches {
  readonly #root = new Place("", null, 0);
  readonly #specials = new Map<string, Place>();
  #idLast = 0;
  /** How many watches have a depth: without any, levels need not be counted. */
  #limited = 0;

  /** An id for a new watch. */
  nextId(): number {
    return ++this.#idLast;
  }

  add(watch: Watch): void {
    if (watch.depth >= 0) this.#limited++;
    const place = isSpecial(watch.path) ? this.#special(watch.path) : this.#make(watch.path);
    const watches = place.watches ??= [];
    watch.place = place;
    watch.index = watches.length;
    watches.push(watch);
  }

  #special(path: string): Place {
    let place = this.#specials.get(path);
    if (place === undefined) this.#specials.set(path, place = new Place(path, null, 0));
    return place;
  }

  /** The place of `path`, made where it is missing. */
  #make(path: string): Place {
    let place = this.#root;
    for (let from = startOf(path); from < path.length;) {
      const next = place.find(path, from);
      if (next === null) {
        const text = flatText(path.slice(from));
        const made = new Place(text, place, place.depth + countNames(text));
        place.put(made);
        return made;
      }
      const { length } = next.text;
      const shared = next.isOn(path, from) ? length : sharedLength(next.text, path, from);
      place = shared < length ? next.split(shared) : next;
      from += shared;
    }
    return place;
  }

  remove(watch: Watch): void {
    const place = watch.place!;
    const watches = place.watches!;
    if (watch.depth >= 0) this.#limited--;
    watch.place = null;
    const last = watches.pop()!;
    if (last !== watch) {
      watches[watch.index] = last;
      last.index = watch.index;
    }
    if (watches.length > 0) return;
    place.watches = null;
    if (isSpecial(watch.path)) this.#specials.delete(watch.path);
    else place.tidy();
  }

  /** How many places the trie has: at most two for each path watched, and the root. */
  countPlaces(): number {
    let count = this.#specials.size;
    const pending = [this.#root];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      count++;
      pending.push(...next.below());
    }
    return count;
  }

  /** The watches that a change of the node at `path` itself fires, in order. */
  at(path: string): readonly Watch[] {
    if (isSpecial(path)) return this.special(path);
    let found: Watch[] | null = null;
    const names = this.#limited === 0 ? 0 : countNames(path, lengthOf(path));
    let from = startOf(path);
    for (let place: Place | null = this.#root; place !== null;) {
      const { watches } = place;
      if (watches !== null) {
        const levels = names - place.depth;
        for (const watch of watches) {
          if (watch.depth < 0 || watch.depth >= levels) (found ??= []).push(watch);
        }
      }
      if (from >= path.length) break;
      place = place.next(path, from);
      if (place !== null) from += place.text.length;
    }
    if (found === null) return NONE;
    return found.length > 1 ? found.sort(byAge) : found;
  }

  /** The watches on exactly the special `path`. */
  special(path: string): readonly Watch[] {
    const watches = this.#specials.get(path)?.watches ?? NONE;
    return watches.length > 1 ? [...watches].sort(byAge) : watches;
  }

  /**
   * The watches exactly on nodes that exist below `node`, which is at `path` and about to go:
   * deepest first, siblings in creation order. Costs what is watched there, not what exists.
   */
  below(path: string, node: Node): Removed[] {
    const removed: Removed[] = [];
    // Parents before children, later siblings first: backwards that is the order wanted.
    const pending = this.#watchedBelow(path, node);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { place: { watches } } = next;
      if (watches !== null) removed.push({ ...next, watches: [...watches].sort(byAge) });
      if (next.place.hasBelow) pending.push(...watchedChildren(next.place, next.path, next.node));
    }
    return removed.reverse();
  }

  /** What is watched next below `path`, which may lie in the middle of a place's names. */
  #watchedBelow(path: string, node: Node): Watched[] {
    let place = this.#root;
    for (let from = startOf(path); from < path.length;) {
      const next = place.find(path, from);
      if (next === null) return [];
      const rest = path.length - from;
      if (rest < next.text.length) {
        if (sharedLength(next.text, path, from) < rest) return [];
        const watched = follow(next, rest, path, node);
        return watched === null ? [] : [watched];
      }
      if (!next.isOn(path, from)) return [];
      from += next.text.length;
      place = next;
    }
    return watchedChildren(place, path, node);
  }
}

/** A node that exists at a place. */
interface Watched {
  readonly place: Place;
  readonly path: string;
  readonly node: Node;
  readonly parent: Node;
  /** The position among its siblings of the first node on the way to it. */
  readonly ordinal: number;
}

function watchedChildren(place: Place, path: string, parent: Node): Watched[] {
  const watched: Watched[] = [];
  if (parent.children === null) return watched;
  for (const below of place.below()) {
    const found = follow(below, 0, path, parent);
    if (found !== null) watched.push(found);
  }
  return watched.sort((a, b) => a.ordinal - b.ordinal);
}

/** Goes on from `node`, at `path`, with the names of `place` from `from` on; null if one is missing. */
function follow(place: Place, from: number, path: string, node: Node): Watched | null {
  const { text } = place;
  let parent = node;
  let ordinal = -1;
  for (let at = from; at < text.length;) {
    if (node.children === null) return null;
    const slash = text.indexOf("/", at + 1);
    const to = slash < 0 ? text.length : slash;
    const child = getChild(node.children, text.slice(at + 1, to));
    if (child === null) return null;
    if (ordinal < 0) ordinal = child.ordinal;
    parent = node;
    node = child;
    at = to;
  }
  return {
    place,
    path: lengthOf(path) === 0 ? text : path + text.slice(from),
    node,
    parent,
    ordinal,
  };
}

/** The length of a path without the slash that only the root's ends with. */
function lengthOf(path: string): number {
  return path.length === 1 ? 0 : path.length;
}

/** Where the slash before the first name is; behind the root's path, which has none. */
function startOf(path: string): number {
  return path.length === 1 ? 1 : 0;
}
