import { getChild } from "../store/children.ts";
import { namesOf } from "../store/names.ts";
import type { Node } from "../store/node.ts";
import { isSpecial } from "../store/path.ts";
import { flatText } from "../wire/text.ts";
import type { ConnectionBase } from "./connection_base.ts";
import { Kind } from "./dirty.ts";
import { countNames, sharedLength, WatchTrieNode } from "./watch_trie_node.ts";

/** The connection that a watch is of. */
export interface WatchOwner extends ConnectionBase {
  readonly watches: Map<string, Watch>;
}

/** One registered watch. */
export interface Watch {
  /** Rises with each registration: the order of events within a connection. */
  readonly id: number;
  readonly connection: WatchOwner;
  /** Canonical. */
  readonly path: string;
  /** Whether it was registered relative to the connection's home: then events are, too. */
  readonly relative: boolean;
  readonly token: string;
  /** Levels below `path` that count; -1 for all. */
  readonly depth: number;
  /** Among which {@link Watches} has it; null while it does not. */
  group: WatchGroup | null;
  /** Its position among the watches of that group. */
  index: number;
}

/** The watches of one connection at one place: who may hear of a change is found once for all of them. */
export interface WatchGroup {
  readonly place: WatchTrieNode<WatchGroup>;
  readonly connection: WatchOwner;
  readonly watches: Watch[];
  /** Its position among the groups of that place. */
  index: number;
}

/** Decides which connections hear of a change. */
export interface Listeners {
  /** Whether `connection`, which has so many watches there, hears of it. */
  hears(connection: ConnectionBase, watches: number): boolean;
}

/** Watches of connections that outlive the process. */
export const WATCH: Kind<Watch> = new Kind({
  isNew: isRegistered,
  isPersistent: ({ connection }) => connection.key >= 0,
  textLength: ({ path, token }) => path.length + token.length,
});

/** Whether a watch is among those that are told of changes. */
export function isRegistered({ group }: Watch): boolean {
  return group !== null;
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
  readonly groups: readonly WatchGroup[];
}

const NONE: readonly Watch[] = [];
const NO_GROUPS: readonly WatchGroup[] = [];

/** Across watchers by age of connection, then of watch (C's order). */
function byAge(a: Watch, b: Watch): number {
  return a.connection.id - b.connection.id || a.id - b.id;
}

/** The watches of those groups whose connections hear of the change, in order. */
export function heardIn(groups: readonly WatchGroup[], listeners: Listeners): readonly Watch[] {
  const heard: Watch[] = [];
  for (const { connection, watches } of groups) {
    if (!listeners.hears(connection, watches.length)) continue;
    for (const watch of watches) heard.push(watch);
  }
  return heard.length > 1 ? heard.sort(byAge) : heard;
}

/**
 * All watches, in a trie by path: to find those that a change fires costs the depth of the
 * path, however many there are; to remove one costs the same among ten at its path and 40,000.
 */
export class Watches {
  readonly #root = new WatchTrieNode<WatchGroup>("", null, 0);
  readonly #specials = new Map<string, WatchTrieNode<WatchGroup>>();
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
    addTo(place, watch);
  }

  #special(path: string): WatchTrieNode<WatchGroup> {
    let place = this.#specials.get(path);
    if (place === undefined) this.#specials.set(path, place = new WatchTrieNode(path, null, 0));
    return place;
  }

  /** The place of `path`, made where it is missing. */
  #make(path: string): WatchTrieNode<WatchGroup> {
    let place = this.#root;
    for (let from = startOf(path); from < path.length;) {
      const next = place.find(path, from);
      if (next === null) {
        const text = flatText(path.slice(from));
        const made = new WatchTrieNode(text, place, place.depth + countNames(text));
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
    const group = watch.group!;
    const { place, watches } = group;
    if (watch.depth >= 0) this.#limited--;
    watch.group = null;
    takeOut(watches, watch);
    if (watches.length > 0) return;
    const groups = place.groups!;
    takeOut(groups, group);
    if (groups.length > 0) return;
    place.groups = null;
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

  /** Whether there is a watch at `path`, which is no special's, or above it. */
  isAnyAt(path: string): boolean {
    let from = startOf(path);
    for (let place: WatchTrieNode<WatchGroup> | null = this.#root; place !== null;) {
      if (place.groups !== null) return true;
      if (from >= path.length) return false;
      place = place.next(path, from);
      if (place !== null) from += place.text.length;
    }
    return false;
  }

  /** The watches of `listeners` that a change of the node at `path` itself fires, in order. */
  at(path: string, listeners: Listeners): readonly Watch[] {
    if (isSpecial(path)) return this.special(path, listeners);
    let found: Watch[] | null = null;
    const names = this.#limited === 0 ? 0 : namesOf(path).count;
    let from = startOf(path);
    for (let place: WatchTrieNode<WatchGroup> | null = this.#root; place !== null;) {
      const { groups } = place;
      if (groups !== null) {
        const levels = names - place.depth;
        for (const { connection, watches } of groups) {
          if (!listeners.hears(connection, watches.length)) continue;
          for (const watch of watches) {
            if (watch.depth < 0 || watch.depth >= levels) (found ??= []).push(watch);
          }
        }
      }
      if (from >= path.length) break;
      place = place.next(path, from);
      if (place !== null) from += place.text.length;
    }
    if (found === null) return NONE;
    return found.length > 1 ? found.sort(byAge) : found;
  }

  /** The watches of `listeners` on exactly the special `path`, in order. */
  special(path: string, listeners: Listeners): readonly Watch[] {
    return heardIn(this.#specials.get(path)?.groups ?? NO_GROUPS, listeners);
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
      const { place: { groups } } = next;
      if (groups !== null) removed.push({ ...next, groups });
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

/** Most places have one group of one watch: lists that are made with it take no room for more. */
function addTo(place: WatchTrieNode<WatchGroup>, watch: Watch): void {
  const { connection } = watch;
  const groups = place.groups;
  const known = groups?.find((group) => group.connection === connection);
  watch.index = known === undefined ? 0 : known.watches.push(watch) - 1;
  watch.group = known ?? { place, connection, watches: [watch], index: groups?.length ?? 0 };
  if (groups === null) place.groups = [watch.group];
  else if (known === undefined) groups.push(watch.group);
}

/** Takes one out of a list that is in no particular order. */
function takeOut<T extends { index: number }>(list: T[], one: T): void {
  const last = list.pop()!;
  if (last === one) return;
  list[one.index] = last;
  last.index = one.index;
}

/** A node that exists at a place. */
interface Watched {
  readonly place: WatchTrieNode<WatchGroup>;
  readonly path: string;
  readonly node: Node;
  readonly parent: Node;
  /** The position among its siblings of the first node on the way to it. */
  readonly ordinal: number;
}

function watchedChildren(place: WatchTrieNode<WatchGroup>, path: string, parent: Node): Watched[] {
  const watched: Watched[] = [];
  if (parent.children === null) return watched;
  for (const below of place.below()) {
    const found = follow(below, 0, path, parent);
    if (found !== null) watched.push(found);
  }
  return watched.sort((a, b) => a.ordinal - b.ordinal);
}

/** Goes on from `node`, at `path`, with the names of `place` from `from` on; null if one is missing. */
function follow(
  place: WatchTrieNode<WatchGroup>,
  from: number,
  path: string,
  node: Node,
): Watched | null {
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
