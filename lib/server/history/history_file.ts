import { fileSystemBytes } from "../../../ffi/file_system.ts";
import { type Clock, wallMs } from "../../clock.ts";
import { exists } from "../../files.ts";
import { HistoryError, IN_MEMORY } from "../../history/database.ts";
import { History } from "../../history/history.ts";
import type { Packer } from "../../history/packing.ts";
import {
  HISTORY_AGE_MS_USUAL,
  HISTORY_BYTES_IN_MEMORY,
  HISTORY_BYTES_USUAL,
  HISTORY_FILE_SYSTEM_PARTS,
  HISTORY_KEYFRAME_PARTS,
} from "../../limits.ts";
import { renameStore } from "../../journal/database.ts";
import { type Log, message } from "../logging/log.ts";

/** How much of what was done is kept, and how long. */
export interface HistoryChoice {
  readonly bytes: number;
  readonly ageMs: number;
}

/** How much and how long unless told: of the history beside a store file, or in memory (null). */
export function usualHistory(store: string | null): HistoryChoice {
  const bytes = store === null
    ? HISTORY_BYTES_IN_MEMORY
    : Math.min(HISTORY_BYTES_USUAL, Math.floor(fileSystemOf(store) / HISTORY_FILE_SYSTEM_PARTS));
  return { bytes, ageMs: HISTORY_AGE_MS_USUAL };
}

/** One that does not tell is not small. */
function fileSystemOf(store: string): number {
  const slash = store.lastIndexOf("/");
  try {
    return fileSystemBytes(slash < 0 ? "." : store.slice(0, slash + 1)) || Infinity;
  } catch {
    return Infinity;
  }
}

/** Where the history of the store file at `store` is; in memory for a store without one. */
export function historyPath(store: string | null): string {
  return store === null ? IN_MEMORY : `${store}.history`;
}

/** Files that SQLite keeps beside one. */
const COMPANIONS = ["-wal", "-shm", "-journal"];

/** The file of one store's history. Whatever is wrong with it, the store is served. */
export class HistoryFile {
  readonly path: string;
  readonly #store: string;
  readonly #log: Log;
  readonly #clock: Clock;
  /** What was last said of it. */
  #said = "";

  constructor(store: string | null, id: string, log: Log, clock: Clock) {
    this.path = historyPath(store);
    this.#store = id;
    this.#log = log;
    this.#clock = clock;
  }

  /** Opens it; a damaged file is moved aside. Null when it cannot be opened: then nothing is recorded. */
  open(packer: Packer): History | null {
    const { path } = this, options = { path, store: this.#store, packer };
    try {
      try {
        return new History(options);
      } catch (error) {
        if (!(error instanceof HistoryError && error.isDamage)) throw error;
        this.replace(error.message);
        return new History(options);
      }
    } catch (error) {
      this.#say(`changes are not recorded: ${message(error)}`);
      return null;
    }
  }

  /** Gives what cannot be used another name. */
  replace(why: string): void {
    const { path } = this;
    if (path === IN_MEMORY) return this.#say(`the history begins again: ${why}`);
    try {
      const renamed = renameStore(path, `damaged-${wallMs(this.#clock)}`);
      this.#say(`the history ${path} is now ${renamed}, and a new one begins: ${why}`);
    } catch (error) {
      this.#say(`${why}, and it cannot be renamed: ${message(error)}`);
    }
  }

  /** Deletes it. */
  remove(why: string): void {
    const { path } = this;
    if (path === IN_MEMORY) return;
    try {
      for (const end of ["", ...COMPANIONS]) if (exists(path + end)) Deno.removeSync(path + end);
      this.#say(`the history ${path} is deleted: ${why}`);
    } catch (error) {
      this.#say(`the history ${path} cannot be deleted: ${message(error)}`);
    }
  }

  /** Says that the store is too large for its keyframes, once. */
  sayTooLarge(bytesMax: number): void {
    const half = bytesMax / HISTORY_KEYFRAME_PARTS;
    this.#say(
      `the history ${this.path} has no copy of the store, which is larger than half of its bound (${half} bytes): ` +
        "commits are recorded, moments of the past are known in part (raise --history)",
    );
  }

  /** The same again and again would help nobody. */
  #say(text: string): void {
    if (text !== this.#said) this.#log("error", text);
    this.#said = text;
  }
}
