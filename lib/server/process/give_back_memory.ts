import type { Clock } from "../../clock.ts";
import { libc } from "../../../ffi/libc.ts";
import {
  GIVE_BACK_APART_MS,
  GIVE_BACK_BYTES,
  GIVE_BACK_IDLE_MS,
  GIVE_BACK_PART,
  GIVE_BACK_TRIM_MS,
} from "../../limits.ts";
import { dropSpareBuffers } from "../peer/buffer_pool.ts";

/**
 * Gives memory back to the host when the process has more than it had and nobody asks for anything: V8
 * collects only when something is allocated, so a daemon at rest would keep what guests had that are
 * gone, and the garbage of what they did.
 */
export class MemoryReturn {
  readonly #collect: () => void;
  /** What the process has when nothing is left to give back; null until it is known. */
  #base: number | null = null;
  #turns = -1;
  #idleSince = 0;
  #returnedAt = -Infinity;

  constructor(clock: Clock, collect: () => void = () => collectAll(clock)) {
    this.#collect = collect;
  }

  /** `resident` is in bytes, `turns` counts the turns so far, with slices of other work; `now` is in ms. */
  look(now: number, resident: number, turns: number): void {
    if (now - this.#returnedAt > 2 * GIVE_BACK_TRIM_MS) this.#base ??= resident;
    if (turns !== this.#turns) {
      this.#turns = turns;
      this.#idleSince = now;
      return;
    }
    if (this.#base === null || now - this.#idleSince < GIVE_BACK_IDLE_MS) return;
    // The host may have taken memory from us meanwhile.
    this.#base = Math.min(this.#base, resident);
    const much = Math.max(GIVE_BACK_BYTES, this.#base / GIVE_BACK_PART);
    if (resident - this.#base < much || now - this.#returnedAt < GIVE_BACK_APART_MS) return;
    this.#returnedAt = now;
    this.#base = null;
    this.#collect();
  }
}

/** V8's own: missing in a program without the flag for it. */
type Collector = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

const { gc } = globalThis as { readonly gc?: Collector };

function collectAll(clock: Clock): void {
  dropSpareBuffers();
  // Without that flavor V8 keeps free pages, for the garbage to come.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  // Values are freed on another thread, behind the collection.
  clock.after(GIVE_BACK_TRIM_MS, () => libc.allocator().malloc_trim(0n)).unref();
}
