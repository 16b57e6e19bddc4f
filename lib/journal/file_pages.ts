import type { DatabaseSync, StatementSync } from "node:sqlite";
import { PAGES_PER_SLICE } from "../limits.ts";
import { pragma } from "./database.ts";

/**
 * The pages of a database file. Its statements are prepared once: to prepare one takes longer than to run it, and
 * leaves memory outside of the heap that only a collection of garbage frees.
 */
export class FilePages {
  /** Bytes of each. */
  readonly size: number;
  readonly #all: StatementSync;
  readonly #free: StatementSync;
  readonly #giveSliceBack: StatementSync;

  constructor(private readonly database: DatabaseSync) {
    this.size = pragma(database, "page_size");
    this.#all = database.prepare("PRAGMA page_count");
    this.#free = database.prepare("PRAGMA freelist_count");
    this.#giveSliceBack = this.#giver(PAGES_PER_SLICE);
  }

  /** How many hold nothing. */
  get free(): number {
    return Number(this.#free.get()!["freelist_count"]);
  }

  /** How many hold something. */
  get used(): number {
    return Number(this.#all.get()!["page_count"]) - this.free;
  }

  /** Gives up to so many free pages back to the file system. */
  giveBack(pages: number = PAGES_PER_SLICE): void {
    const statement = pages === PAGES_PER_SLICE ? this.#giveSliceBack : this.#giver(pages);
    // Each page is a row of the result: to read only the first row would give back only one page.
    statement.all();
  }

  #giver(pages: number): StatementSync {
    return this.database.prepare(`PRAGMA incremental_vacuum(${pages})`);
  }
}
