import { removeIfThere } from "../files.ts";
import { BLOCK_BYTES, RESERVE_SPARE_BYTES } from "../limits.ts";
import { isTrouble, messageOf } from "./database.ts";

/**
 * Space that is held to be given back when there is no other: a file without a name, which is gone
 * with the process. What SQLite's log has at a full disk cannot go into the store file where that
 * would have to grow, and the log cannot begin again before it has: so what makes room, the deletion
 * of what is needless, might itself find none. To cut a file off gives space back on any file system.
 */
export class ReservedSpace {
  readonly #path: string;
  readonly #size: number;
  #file: Deno.FsFile | null = null;
  /** There can be none here. */
  #isBroken = false;
  #held = 0;
  /** The most that was held when it was given back. */
  #released = 0;

  /** `path` is used for a moment; `size` is in bytes. */
  constructor(path: string, size: number) {
    this.#path = path;
    this.#size = size;
  }

  /** Takes what is missing of it, as far as there is space. */
  fill(): void {
    this.#growTo(this.#size);
  }

  /**
   * Takes all of it back after a {@link release}. False when there is not so much space, and `more` bytes,
   * and some: who went on then would find none at once.
   */
  restore(more: number): boolean {
    const wanted = this.wanted(more);
    this.#growTo(wanted);
    const found = this.#held >= wanted || this.#isBroken;
    if (this.#held > this.#size) {
      this.#file!.truncateSync(this.#size);
      this.#file!.seekSync(0, Deno.SeekMode.End);
      this.#held = this.#size;
    }
    return found;
  }

  /** Bytes that are held. */
  get held(): number {
    return this.#held;
  }

  /** Bytes that {@link restore} looks for. */
  wanted(more: number): number {
    return this.#released + RESERVE_SPARE_BYTES + more;
  }

  #growTo(size: number): void {
    if (this.#held >= size || this.#isBroken) return;
    try {
      const file = this.#file ??= this.#open();
      const block = new Uint8Array(BLOCK_BYTES);
      while (this.#held < size) {
        this.#held += file.writeSync(block.subarray(0, size - this.#held));
      }
    } catch (error) {
      // Nobody is worse off than without one.
      this.#isBroken = !isTrouble(messageOf(error));
    }
  }

  #open(): Deno.FsFile {
    removeIfThere(this.#path);
    const file = Deno.openSync(this.#path, { write: true, createNew: true, mode: 0o600 });
    Deno.removeSync(this.#path);
    return file;
  }

  /** Gives all of it back. */
  release(): void {
    if (this.#held === 0) return;
    this.#released = Math.max(this.#released, this.#held);
    this.#file!.truncateSync(0);
    this.#file!.seekSync(0, Deno.SeekMode.Start);
    this.#held = 0;
  }

  /** Gives it up for good. */
  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#held = 0;
  }
}
