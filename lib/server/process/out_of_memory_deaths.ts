import { textOf } from "../../files.ts";
import { MEMORY_SHORT_SHARE, MEMORY_WELL_SHARE, SETTLED_MS } from "../../limits.ts";

/** How much of what memory there is the process uses: 1 for all. */
export type MemoryShare = () => number;

/**
 * A file beside the store that says how many lives in a row have died for lack of memory, so that the
 * next one recovers with care. A life counts that died while little was left of V8's heap, or of the
 * host's memory, whatever killed it; other deaths do not. Usually there is no such file.
 */
export class OutOfMemoryDeaths {
  readonly #path: string;
  readonly #share: MemoryShare;
  readonly #began: number;
  #isShort = false;
  #written: string | null;
  /** Lives in a row, up to the one before this, that died for lack of memory. */
  deaths: number;

  /** `now` is in ms. */
  constructor(path: string, share: MemoryShare, now: number) {
    this.#path = path;
    this.#share = share;
    this.#began = now;
    this.#written = textOf(path);
    const found = /^(\d{1,4}) (short|well)$/.exec(this.#written ?? "");
    this.deaths = found?.[2] === "short" ? Number(found[1]) + 1 : 0;
    this.#write();
  }

  /** Looks how much memory is left; to be called while the process may be using more and more. */
  look(now: number): void {
    const share = this.#share();
    if (share > MEMORY_SHORT_SHARE) this.#isShort = true;
    else if (share < MEMORY_WELL_SHARE) this.#isShort = false;
    if (!this.#isShort && now - this.#began > SETTLED_MS) this.deaths = 0;
    this.#write();
  }

  /** An orderly end is no death. */
  end(): void {
    this.deaths = 0;
    this.#isShort = false;
    this.#write();
  }

  #write(): void {
    const isNeeded = this.#isShort || this.deaths > 0;
    const text = isNeeded ? `${this.deaths} ${this.#isShort ? "short" : "well"}` : null;
    if (text === this.#written) return;
    this.#written = text;
    try {
      if (text === null) Deno.removeSync(this.#path);
      else Deno.writeTextFileSync(this.#path, text, { mode: 0o600 });
    } catch {
      // Without it the next daemon begins as after any other death.
    }
  }
}
