import { HISTORY_PREFIXES_MAX } from "../limits.ts";
import type { PathTable } from "./path_table.ts";

/** Whether `path` is `top` or below it. */
export function isUnder(path: string, top: string): boolean {
  return top === "/" || path === top ||
    (path.length > top.length && path.startsWith(top) && path[top.length] === "/");
}

/**
 * A few paths that stand for all that are at or below them: a set of paths of bounded size, which may say of more paths
 * than were added that they are in it, and of none that it is not.
 */
export class PathSet {
  readonly #tops: string[];

  constructor(tops: readonly string[] = []) {
    this.#tops = [...tops];
  }

  get paths(): readonly string[] {
    return this.#tops;
  }

  add(path: string): void {
    if (this.#tops.some((top) => isUnder(path, top))) return;
    this.#place(path);
    while (this.#tops.length > HISTORY_PREFIXES_MAX) this.#joinClosest();
  }

  #place(path: string): void {
    const others = this.#tops.filter((top) => !isUnder(top, path));
    this.#tops.splice(0, this.#tops.length, ...others, path);
  }

  /** Makes one of the two that have most in common. */
  #joinClosest(): void {
    let best = "/", found = -1;
    for (const [i, a] of this.#tops.entries()) {
      for (const b of this.#tops.slice(i + 1)) {
        const common = commonPath(a, b);
        if (common.length > found) {
          best = common;
          found = common.length;
        }
      }
    }
    this.#place(best);
  }
}

/** The same for paths that are numbers in a table. */
export class NumberedPathSet {
  readonly #table: PathTable;
  readonly #set = new PathSet();
  /** Paths that are in the set for sure: what is below one of them is, too. */
  readonly #known = new Set<number>();

  constructor(table: PathTable) {
    this.#table = table;
  }

  get paths(): readonly string[] {
    return this.#set.paths;
  }

  add(path: number): void {
    const known = this.#known;
    if (known.has(path)) return;
    if (!known.has(this.#table.above(path))) this.#set.add(this.#table.text(path));
    known.add(path);
  }
}

/** The deepest node that is above both. */
function commonPath(a: string, b: string): string {
  let end = 0;
  for (let i = 0; i <= a.length && i <= b.length; i++) {
    const ends = (text: string): boolean => i === text.length || text[i] === "/";
    if (ends(a) && ends(b)) end = i;
    if (a[i] !== b[i]) break;
  }
  return end === 0 ? "/" : a.slice(0, end);
}
