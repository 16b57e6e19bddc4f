import type { Clock } from "../../clock.ts";
import { libc } from "../../../ffi/libc.ts";
import {
  GIVE_BACK_APART_MS,
  GIVE_BACK_BYTES,
  GIVE_BACK_IDLE_MS,
  GIVE_BACK_PART,
  GIVE_BACK_REST_PER_WORK,
  GIVE_BACK_TRIM_MS,
} from "../../limits.ts";
import type { State } from "../../engine/state.ts";
import { dropSpareBuffers } from "../peer/buffer_pool.ts";

/** What the daemon stores for its clients, in bytes of the memory model: what takes memory until they give it up. */
export function storedBytes({ accounts, admin, connections }: State): number {
  let unsent = 0;
  for (const { outbox } of connections) unsent += outbox.unsent ?? 0;
  return accounts.cost + unsent + (admin.archive?.bytes ?? 0);
}

/** What the process had in memory at a moment, and what the daemon then stored, in bytes. */
interface Reading {
  readonly resident: number;
  readonly stored: number;
}

/**
 * Gives memory back to the host when the process has more than it needs and clients ask for little: V8
 * collects only when something is allocated, so an idle daemon would have what clients have removed, and the
 * garbage of what they did.
 */
export class MemoryReturn {
  readonly #stored: () => number;
  readonly #collect: () => void;
  /** The least that the process has had since the last collection, and what may be in it. */
  #base: Reading = { resident: Infinity, stored: 0 };
  #storedNow = 0;
  #workedMs = -1;
  /** When the daemon will have rested long enough. */
  #restedAt = -Infinity;
  #lookedAt = 0;
  #returnedAt = -Infinity;

  /** `stored` tells what the daemon stores: see {@link storedBytes}. */
  constructor(stored: () => number, collect: () => void) {
    this.#stored = stored;
    this.#collect = collect;
  }

  /**
   * `resident` is in bytes; `workedMs` is what clients have caused so far, as the meter has it, and `now` the time, in ms. While a
   * keyframe is written, which `keepsOld` says, it keeps all that clients have removed since it began: nothing is collected.
   */
  look(now: number, resident: number, workedMs: number, keepsOld = false): void {
    if (workedMs !== this.#workedMs) {
      const rest = this.#workedMs < 0
        ? GIVE_BACK_IDLE_MS
        : (workedMs - this.#workedMs) * GIVE_BACK_REST_PER_WORK;
      this.#workedMs = workedMs;
      // The work came at some time since the last look.
      const from = Math.max(this.#restedAt, this.#lookedAt);
      this.#restedAt = Math.min(from + rest, now + GIVE_BACK_IDLE_MS);
      this.#storedNow = this.#stored();
    }
    this.#lookedAt = now;
    const base = this.#base, stored = this.#storedNow;
    // V8 frees values after the collection, and the host may take memory from the process. What clients have
    // given up since may be in it all the same.
    if (resident < base.resident) {
      this.#base = { resident, stored: Math.max(base.stored, stored) };
    }
    const isTooSoon = keepsOld || now < this.#restedAt ||
      now - this.#returnedAt < GIVE_BACK_APART_MS;
    if (isTooSoon || !hasMuchToGive(this.#base, { resident, stored })) return;
    this.#returnedAt = now;
    this.#base = { resident: Infinity, stored };
    this.#collect();
  }
}

/**
 * Whether the process has much more than it needs: what it had at the base, without what clients have given
 * up since. If the daemon was idle while it stored much, the base has that, too.
 */
function hasMuchToGive(base: Reading, { stored, resident }: Reading): boolean {
  const needed = base.resident - Math.max(0, base.stored - stored);
  return resident - needed >= Math.max(GIVE_BACK_BYTES, needed / GIVE_BACK_PART);
}

/** V8's own: missing in a program without the flag for it. */
type Collector = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

const { gc } = globalThis as { readonly gc?: Collector };

/** Collects all garbage, and gives free memory back to the host. */
export function collectAll(clock: Clock): void {
  dropSpareBuffers();
  // Without that flavor V8 keeps free pages, for the garbage to come.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  // Values are freed on another thread, behind the collection.
  clock.after(GIVE_BACK_TRIM_MS, () => libc.allocator().malloc_trim(0n)).unref();
}
