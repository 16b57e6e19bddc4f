import { flatText, sharedLength as sharedLengthOf } from "../wire/text.ts";

/**
 * One place in the trie of watches: a path that is watched, by a `Group` for each connection, or at which the
 * ways to watched paths part. A chain of names without either lies in one place, so a watch on a path of a
 * thousand names costs what its text costs.
 */
export class WatchTrieNode<Group> {
  /** How many names are above it and its own: 0 for the root. */
  readonly depth: number;
  /** The names behind those of the place above, each with a slash before it. */
  text: string;
  above: WatchTrieNode<Group> | null;
  /** Who watches it; null for nobody. */
  groups: Group[] | null = null;
  /** Most places have one below them: that needs no map. Only one of these two is set. */
  #only: WatchTrieNode<Group> | null = null;
  /** By the first of their names, with its slash. */
  #below: Map<string, WatchTrieNode<Group>> | null = null;

  constructor(text: string, above: WatchTrieNode<Group> | null, depth: number) {
    this.text = text;
    this.above = above;
    this.depth = depth;
  }

  /** Whether `path` goes on from `from`, where a slash is, with all the names of this place. */
  isOn(path: string, from: number): boolean {
    const { text } = this;
    const to = from + text.length;
    if (to > path.length || !endsName(path, to)) return false;
    // The quicker one for long texts; see sharedLength in lib/wire/text.ts.
    return text.length > 32 ? path.slice(from, to) === text : path.startsWith(text, from);
  }

  /** The place below whose first name is the one in `path` at `from`, where a slash is. */
  find(path: string, from: number): WatchTrieNode<Group> | null {
    const only = this.#only;
    if (only !== null) return sharedLength(only.text, path, from) > 0 ? only : null;
    return this.#below?.get(firstName(path, from)) ?? null;
  }

  /** The place below if `path` goes on from `from` with all its names, as most lookups ask. */
  next(path: string, from: number): WatchTrieNode<Group> | null {
    const next = this.#only ?? this.#below?.get(firstName(path, from)) ?? null;
    return next !== null && next.isOn(path, from) ? next : null;
  }

  /** Adds a place, or replaces the one of the same first name. */
  put(place: WatchTrieNode<Group>): void {
    const only = this.#only;
    if (only !== null && !sharesFirst(only, place)) {
      this.#only = null;
      this.#below = new Map([keyed(only), keyed(place)]);
    } else if (this.#below === null) this.#only = place;
    else this.#below.set(...keyed(place));
  }

  /** Removes a place that is there. */
  drop(place: WatchTrieNode<Group>): void {
    const below = this.#below;
    if (below === null) {
      this.#only = null;
      return;
    }
    below.delete(firstName(place.text, 0));
    if (below.size > 1) return;
    this.#below = null;
    for (const last of below.values()) this.#only = last;
  }

  /** All places below, in no particular order. */
  below(): Iterable<WatchTrieNode<Group>> {
    if (this.#only !== null) return [this.#only];
    return this.#below === null ? [] : this.#below.values();
  }

  get hasBelow(): boolean {
    return this.#only !== null || this.#below !== null;
  }

  /** Puts a place between this one and the one above, which takes the first `length` characters. */
  split(length: number): WatchTrieNode<Group> {
    const { above, text } = this;
    const upper = new WatchTrieNode(
      flatText(text.slice(0, length)),
      above,
      above!.depth + countNames(text, length),
    );
    above!.put(upper);
    this.text = flatText(text.slice(length));
    this.above = upper;
    upper.#only = this;
    return upper;
  }

  /**
   * Takes this place out of the trie as far as it is needed no more: nothing is watched there and
   * at most one way leads on.
   */
  tidy(): void {
    const { above } = this;
    if (above === null || this.groups !== null || this.#below !== null) return;
    const only = this.#only;
    if (only !== null) {
      only.text = flatText(this.text + only.text);
      only.above = above;
      above.put(only);
    } else {
      above.drop(this);
      above.tidy();
    }
  }
}

/** How many characters of `text`, in whole names, stand in `path` at `from`. */
export function sharedLength(text: string, path: string, from: number): number {
  const i = sharedLengthOf(text, from === 0 ? path : path.slice(from));
  if (endsName(text, i) && endsName(path, from + i)) return i;
  // Not in the middle of a name.
  return Math.max(0, text.lastIndexOf("/", i - 1));
}

const SLASH = 0x2f;

function endsName(path: string, at: number): boolean {
  return at === path.length || path.charCodeAt(at) === SLASH;
}

function firstName(path: string, from: number): string {
  const to = path.indexOf("/", from + 1);
  return path.slice(from, to < 0 ? path.length : to);
}

function sharesFirst<Group>(a: WatchTrieNode<Group>, b: WatchTrieNode<Group>): boolean {
  return sharedLength(a.text, b.text, 0) > 0;
}

function keyed<Group>(place: WatchTrieNode<Group>): [string, WatchTrieNode<Group>] {
  return [flatText(firstName(place.text, 0)), place];
}

/** How many names begin in the first `length` characters of `text`. */
export function countNames(text: string, length: number = text.length): number {
  let count = 0;
  for (let at = text.indexOf("/"); at >= 0 && at < length; at = text.indexOf("/", at + 1)) count++;
  return count;
}
