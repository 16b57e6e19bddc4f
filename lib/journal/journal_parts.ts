import type { Clock } from "../clock.ts";
import type { DatabaseSync } from "node:sqlite";
import type { Durability } from "./database.ts";
import type { Before, Notes } from "./journal.ts";
import type { ReservedSpace } from "./reserved_space.ts";
import type { Tail } from "./tail.ts";

/** When the work is done that nobody waits for. */
export interface Upkeep {
  /**
   * Bytes of turns behind an image from which on a new one is worth making in idle moments, and four
   * times as many otherwise; of a large image, a quarter of its size, and its size. To read a turn's
   * bytes at the start takes twice as long as an image's.
   */
  readonly imageAfterBytes: number;
  /** Pages of 4 KiB, about, that are written to the log between checkpoints: under a ms for 250. */
  readonly pagesPerCheckpoint: number;
  /** Rows of old turns deleted at once: each has a drain's bytes, or one turn's where that is more. */
  readonly rowsDeletedMax: number;
  /** Bytes in the tail from which on they go to the store file: some tenths of a millisecond. */
  readonly drainBytes: number;
}

/** Of `crash`. */
export const UPKEEP: Upkeep = {
  imageAfterBytes: 524_288,
  pagesPerCheckpoint: 250,
  rowsDeletedMax: 16,
  drainBytes: 32_768,
};

/** Of `disk`, where each turn is a row, so that there are more of them, and a checkpoint is two syncs. */
export const DISK_UPKEEP: Upkeep = { ...UPKEEP, pagesPerCheckpoint: 1_000, rowsDeletedMax: 500 };

/** Where it says what the operator should know. */
type JournalLog = (level: "info" | "warning" | "error", text: string) => void;

/** What a journal is made of: see openStore. */
export interface JournalParts {
  readonly database: DatabaseSync;
  readonly tail: Tail;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly log: JournalLog;
  readonly upkeep?: Upkeep;
  /** Held for when there is no other space. */
  readonly reserve?: ReservedSpace;
  /** Called before anything is written, once all that was there has been read. */
  readonly onBegin?: () => void;
  /** Called instead when it cannot be read: the files are to stay as they are. */
  readonly onRefused?: () => void;
  /** Called at the orderly end, when the file alone has everything. */
  readonly onComplete?: () => void;
  /** Notes in the file to whom the store is handed over. */
  readonly onHandOver?: (to: string | null) => void;
  readonly handedTo?: string | null;
  readonly about?: Notes;
  /** What was before this life; an orderly end unless told. */
  readonly before?: Before;
}
