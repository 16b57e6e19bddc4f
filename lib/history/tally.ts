import type { Author } from "./record.ts";

/** An author's records that are not in the file, and the recent records of its holder. */
export class Tally {
  unsaved = 0;
  /** Whether another tally counts for the author now. */
  isOver = false;

  constructor(readonly author: Author, readonly recent: { count: number }) {}
}
