import { RESERVATION_MS_MAX, WAIT_FOR_GUESTS_MS_MAX, WAIT_WINDOW_MS } from "../limits.ts";

/** How long one guest's changes have waited for what other clients' transactions reserve. */
export class WriterWait {
  /** Since when a request waits, in ms; negative when none does. */
  #since = -1;
  /** What was waited in the second that began then, in ms. */
  #window = 0;
  #waited = 0;

  /** Whether a request waits. */
  get waits(): boolean {
    return this.#since >= 0;
  }

  /** Whether the request that waits has done so since before `time`. */
  isOlderThan(time: number): boolean {
    return this.#since < time;
  }

  /**
   * Until when a request that is offered at `now` may be kept waiting, in ms: for a privileged
   * client's transactions, or for another guest's, which take less of its time.
   */
  endFor(now: number, privileged: boolean): number {
    if (this.#since < 0) this.#begin(now);
    const most = privileged ? RESERVATION_MS_MAX : WAIT_FOR_GUESTS_MS_MAX - this.#waited;
    return this.#since + Math.min(most, RESERVATION_MS_MAX);
  }

  #begin(now: number): void {
    this.#since = now;
    if (now - this.#window < WAIT_WINDOW_MS) return;
    this.#window = now;
    this.#waited = 0;
  }

  /** The request was handled. */
  end(now: number): void {
    this.#waited += now - this.#since;
    this.#since = -1;
  }
}
