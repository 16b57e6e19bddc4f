import type { DatabaseSync } from "node:sqlite";
import { FREE_BYTES_LEAST, FREE_BYTES_MAX, PAGES_PER_SLICE } from "../limits.ts";
import { PAGE_BYTES } from "./database.ts";
import { FilePages } from "./file_pages.ts";

/** What stays free in the file, as a part of the last image's bytes: the next one's place. */
const FREE_PART = 1.5;
/** The same, beyond which the file is made smaller although there is other work. */
const FREE_PART_MAX = 2.5;

/** The free pages of the store file: some stay for the next image and the next turns, the file system gets the rest. */
export class FreePages {
  /** There may be more than are worth keeping. */
  #mayShrink = true;
  /** But not so many that it would be done under load: to look takes longer than most turns. */
  #shrinksWhenIdle = false;

  readonly #pages: FilePages;

  constructor(database: DatabaseSync) {
    this.#pages = new FilePages(database);
  }

  /** Bytes of free pages in the file. */
  get bytes(): number {
    return this.#pages.free * PAGE_BYTES;
  }

  /** To be called when pages may have become free. */
  freed(): void {
    this.#mayShrink = true;
    this.#shrinksWhenIdle = false;
  }

  /** Whether it is worth a look if some can be given back. */
  mayShrink(idle: boolean): boolean {
    return this.#mayShrink && (idle || !this.#shrinksWhenIdle);
  }

  /** Gives a slice of those back that are too many beside an image of so many bytes; returns the pages moved. */
  shrink(idle: boolean, imageBytes: number): number {
    const free = this.bytes;
    const least = FREE_BYTES_LEAST + imageBytes * FREE_PART;
    const most = idle ? least : FREE_BYTES_MAX + imageBytes * FREE_PART_MAX;
    this.#mayShrink = free > least;
    this.#shrinksWhenIdle = free <= most;
    if (free <= most) return 0;
    const pages = Math.min(PAGES_PER_SLICE, Math.ceil((free - least) / PAGE_BYTES));
    this.#pages.giveBack(pages);
    // A file that cannot be made smaller has as many afterwards.
    if (this.bytes >= free) this.#mayShrink = false;
    return pages;
  }

  /** Gives so many bytes back, if there are as many; returns the pages moved. */
  giveBack(bytes: number): number {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (this.#pages.free < pages) return 0;
    let given = 0;
    for (; given < pages; given += PAGES_PER_SLICE) this.#pages.giveBack();
    return given;
  }

  /** Gives a slice of all back; false when there was none, or the file cannot be made smaller. */
  giveSliceBack(): boolean {
    const free = this.bytes;
    if (free === 0) return false;
    this.#pages.giveBack();
    return this.bytes < free;
  }
}
