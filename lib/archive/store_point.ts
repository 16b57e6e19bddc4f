import type { Point } from "../history/points.ts";
import { ArchiveError } from "./archive.ts";

/** A point in the history that a store file has by itself: its turns. */
export type StorePoint =
  | { readonly kind: "turn"; readonly turn: number }
  | {
    readonly kind: "time";
    /** Microseconds since 1970. */
    readonly at: number;
    /** What the store was before its very first turn will do. */
    readonly isBeginning: boolean;
  };

/** When what the words of a point name was, in ms since 1970. */
export interface Moments {
  /** Null when there is no daemon that tells. */
  readonly startedAt: number | null;
  readonly bootAt: number;
}

/**
 * What a point means in a store file.
 *
 * @throws {ArchiveError} when it means nothing there.
 */
export function storePoint(point: Point, moments: Moments, name: string): StorePoint {
  switch (point.kind) {
    case "turn":
      return point;
    case "time":
      return { ...point, isBeginning: false };
    case "boot":
      return beginning(moments.bootAt);
    case "start":
      if (moments.startedAt !== null) return beginning(moments.startedAt);
      throw new ArchiveError("only a daemon that runs tells its start (live@start)", name);
    case "commit":
      throw new ArchiveError("a store file knows no commits (name a time, or turn:N)", name);
  }
}

function beginning(ms: number): StorePoint {
  return { kind: "time", at: Math.round(ms * 1_000), isBeginning: true };
}
