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

  /** `pattern` begins with `/`. */
  constructor(pattern: string) {
    const names = namesIn(pattern);
    this.#names = names;
    const texts = names.flatMap((name) => name.split(/[*?]/));
    this.#text = texts.reduce((longest, text) => text.length > longest.length ? text : longest, "");
    this.#isText = this.#text !== "" && pattern === `/${ANY_NAMES}/*${this.#text}*`;
  }

  /** Whether it matches an absolute path, or one above it. */
  matches(path: string): boolean {
    // Most paths are done with here.
    if (!path.includes(this.#text)) return false;
    return this.#isText || this.#matchesNames(namesIn(path));
  }

  #matchesNames(names: readonly string[]): boolean {
    const patterns = this.#names, { length } = patterns;
    // Which of its names, and (last) its end, may come next.
    let next = new Uint8Array(length + 1);
    reach(next, patterns, 0);
    if (next[length] === 1) return true;
    for (const name of names) {
      const before = next;
      let any = false;
      next = new Uint8Array(length + 1);
      for (let at = 0; at < length; at++) {
        if (before[at] !== 1) continue;
        const pattern = patterns[at]!;
        const isAny = pattern === ANY_NAMES;
        if (!isAny && !matchesName(pattern, name)) continue;
        reach(next, patterns, isAny ? at : at + 1);
        any = true;
      }
      if (next[length] === 1) return true;
      if (!any) return false;
    }
    return false;
  }
}

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
