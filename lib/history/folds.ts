import type { OneChange } from "./one_change.ts";

/** Records that may grow: later ones of the same path and author are folded into them. */
export interface Folds {
  /** The last record of a path, if it has one change and may grow; else null. */
  lastOf(path: string): OneChange | null;
  /** The same for the path that a record changes. */
  lastFor(record: OneChange): OneChange | null;
  /** Whether a new record will be folded into `last`, the last one of its path. */
  isFolded(record: OneChange, last: OneChange): boolean;
  /** How often all records were saved in the file. */
  readonly saves: number;
}
