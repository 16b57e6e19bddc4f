import { ROOT_PATH } from "./path.ts";

/** Stands for any number of names. */
const ANY_NAMES = "**";

function namesIn(path: string): string[] {
  return path === ROOT_PATH ? [] : path.slice(1).split("/");
}

/**
 * A pattern of paths: `*` and `?` stand for any characters and for one within a name, `**` as a whole
 * name for any number of names. What is below a node that it matches it matches, too. Matching takes at
 * most as many steps as path and pattern have characters, multiplied: nothing is tried again and again.
 */
export class Glob {
  readonly #names: readonly string[];
  /** The longest text within a name that each path has that it matches; "" for none. */
  readonly #text: string;
  /** It is `/**\/*TEXT*`, which matches each path that has the text. */
  readonly #isText: boolean;
  /** How far the root's path has come. */
  readonly begin: GlobState;

  /** `pattern` begins with `/`. */
  constructor(pattern: string) {
    const names = namesIn(pattern);
    this.#names = names;
    const texts = names.flatMap((name) => name.split(/[*?]/));
    this.#text = texts.reduce((longest, text) => text.length > longest.length ? text : longest, "");
    this.#isText = this.#text !== "" && pattern === `/${ANY_NAMES}/*${this.#text}*`;
    const begin = new Uint8Array(names.length + 1);
    reach(begin, names, 0);
    this.begin = begin[names.length] === 1 ? MATCHED : begin;
  }

  /** Whether it matches an absolute path, or one above it. */
  matches(path: string): boolean {
    // Most paths are done with here.
    if (!path.includes(this.#text)) return false;
    return this.#isText || this.#matchesNames(namesIn(path));
  }

  #matchesNames(names: readonly string[]): boolean {
    let state = this.begin;
    for (const name of names) {
      if (state === MATCHED || state === NEVER) break;
      state = this.step(state, name);
    }
    return state === MATCHED;
  }

  /** How far the path of a node named `name` has come, if its parent's has come as far as `state`. */
  step(state: GlobState, name: string): GlobState {
    if (state === MATCHED || state === NEVER) return state;
    if (this.#isText) return name.includes(this.#text) ? MATCHED : state;
    const patterns = this.#names, { length } = patterns;
    let next: Uint8Array | null = null;
    for (let at = 0; at < length; at++) {
      if (state[at] !== 1) continue;
      const pattern = patterns[at]!;
      const isAny = pattern === ANY_NAMES;
      if (!isAny && !matchesName(pattern, name)) continue;
      reach(next ??= new Uint8Array(length + 1), patterns, isAny ? at : at + 1);
    }
    if (next === null) return NEVER;
    return next[length] === 1 ? MATCHED : next;
  }
}

/** Which of a pattern's names, and (last) its end, may come next. */
export type GlobState = Readonly<Uint8Array>;

/** The path matches, and all that is below it. */
export const MATCHED: GlobState = new Uint8Array(0);
/** Nothing below the path can match. */
const NEVER: GlobState = new Uint8Array(0);

/** The pattern at `at` may come next, and, if it may stand for nothing, the one behind it. */
function reach(next: Uint8Array, patterns: readonly string[], at: number): void {
  for (; next[at] === 0; at++) {
    next[at] = 1;
    if (patterns[at] !== ANY_NAMES) return;
  }
}

/** Whether a name matches a pattern with `*` and `?`: of several `*` only the last is tried again. */
function matchesName(pattern: string, name: string): boolean {
  let at = 0, to = 0, star = -1, starTo = 0;
  while (to < name.length) {
    const sign = pattern[at];
    if (sign === "*") {
      star = at++;
      starTo = to;
    } else if (sign === "?" || sign === name[to]) {
      at++;
      to++;
    } else if (star >= 0) {
      at = star + 1;
      to = ++starTo;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
