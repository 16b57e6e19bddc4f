import { RESTART_DELAY_MAX_MS, RESTARTS_WITHIN_MS } from "../../limits.ts";

/** How a daemon ended. */
export interface LifeEnd {
  /** The signal that killed it, or null. */
  readonly signal: number | null;
  /** Its exit status, where none did. */
  readonly status: number;
  /** Whether it had got so far that it served. */
  readonly served: boolean;
  /** Whether it could not use its store. */
  readonly refused?: boolean;
}

/** What its supervisor does next: ends with a status, or starts it again after a while. */
export type Verdict =
  | { readonly end: number; readonly gaveUp: boolean }
  | { readonly delayMs: number; readonly deaths: number };

/** Exit status of wrong usage: the same command line would fail again. */
const USAGE = 2;

/** SIGHUP, SIGINT and SIGTERM: what a daemon dies of that is told to end while it starts. */
const ASKED = new Set([1, 2, 15]);

/**
 * When a daemon that died is started again: at once after its first death, then with a wait that
 * doubles, and no more after too many deaths within a minute.
 */
export class Restarts {
  /** Deaths within a minute after which it gives up; 0 for never. */
  readonly #max: number;
  readonly #delayMs: number;
  #deaths: number[] = [];
  #hasServed = false;

  constructor(max: number, delayMs: number) {
    this.#max = max;
    this.#delayMs = delayMs;
  }

  /** `now` in ms, on a clock that only goes forward; `stopping` if it was asked to end. */
  after(
    { refused = false, served, signal, status }: LifeEnd,
    now: number,
    stopping: boolean,
  ): Verdict {
    this.#hasServed ||= served;
    const exited = signal === null;
    if (stopping) return { end: exited ? status : ASKED.has(signal) ? 0 : 1, gaveUp: false };
    // Ended as asked, told that it is asked for what cannot be, or never got anywhere.
    if (exited && (status === 0 || status === USAGE || refused || !this.#hasServed)) {
      return { end: status, gaveUp: false };
    }
    this.#deaths = this.#deaths.filter((at) => now - at < RESTARTS_WITHIN_MS);
    this.#deaths.push(now);
    const deaths = this.#deaths.length;
    if (this.#max > 0 && deaths >= this.#max) return { end: 1, gaveUp: true };
    const delayMs = deaths === 1 ? 0 : this.#delayMs * 2 ** Math.min(deaths - 2, 20);
    return { delayMs: Math.min(delayMs, RESTART_DELAY_MAX_MS), deaths };
  }
}
