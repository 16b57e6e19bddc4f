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
  /** Capitals are as good as small letters. */
  readonly #ignoresCase: boolean;

  /** `pattern` begins with `/`. */
  constructor(pattern: string, { ignoreCase = false }: { readonly ignoreCase?: boolean } = {}) {
    this.#ignoresCase = ignoreCase;
    this.#names = namesIn(ignoreCase ? pattern.toLowerCase() : pattern);
  }

  /** Whether it matches an absolute path, or one above it. */
  matches(path: string): boolean {
    const patterns = this.#names, { length } = patterns;
    // Which of its names, and (last) its end, may come next.
    let next = new Uint8Array(length + 1);
    reach(next, patterns, 0);
    if (next[length] === 1) return true;
    for (const name of namesIn(this.#ignoresCase ? path.toLowerCase() : path)) {
      const before = next;
      next = new Uint8Array(length + 1);
      for (let at = 0; at < length; at++) {
        if (before[at] !== 1) continue;
        const pattern = patterns[at]!;
        if (pattern === ANY_NAMES) reach(next, patterns, at);
        else if (matchesName(pattern, name)) reach(next, patterns, at + 1);
      }
      if (next[length] === 1) return true;
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
