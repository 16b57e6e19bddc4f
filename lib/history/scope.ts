import { ROOT_PATH } from "../store/path.ts";
import { isUnder } from "./path_set.ts";

/** Which paths a query asks for: some, and so many levels below them, or all (null). */
export class Scope {
  /** All there are. */
  static readonly ALL: Scope = new Scope([ROOT_PATH], null);

  constructor(readonly tops: readonly string[], readonly levels: number | null) {}

  has(path: string): boolean {
    return this.tops.some((top) => isWithin(path, top, this.levels));
  }
}

/** Whether a path is at most so many levels below another. */
export function isWithin(path: string, top: string, levels: number | null): boolean {
  return isUnder(path, top) && (levels === null || depthOf(path) - depthOf(top) <= levels);
}

function depthOf(path: string): number {
  return path === ROOT_PATH ? 0 : path.split("/").length - 1;
}
