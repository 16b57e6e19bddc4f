import { LOST_SPINS_MAX, SPIN_REST_FIRST, SPIN_REST_MAX } from "../../limits.ts";

/** What the spin polls. */
export interface Pollable {
  /** Waits up to `timeoutMs` and returns how many events there are. */
  wait(timeoutMs: number): number;
}

/**
 * Polls for a few dozen microseconds before the loop waits in the kernel. Where client and daemon
 * have a processor each that saves both wake-ups, three quarters of a round trip; where they share
 * one it only keeps the client from running. So it goes on only while it pays, and rests otherwise,
 * longer each time. With several clients at work it does not pay: what arrives while the loop is
 * in the kernel is handled together, with fewer wake-ups on both sides.
 */
export class Spin {
  readonly #polls: number;
  #score = LOST_SPINS_MAX;
  #restNext = SPIN_REST_FIRST;
  #resting = 0;
  /** The only descriptor ready at the last wait, or -1. */
  #lastFd = -1;
  #alone = false;

  /** `polls` empty polls at most in one go; 0 never spins. */
  constructor(polls: number) {
    this.#polls = polls;
  }

  /** Learns what a wait found: `count` events, the first of descriptor `fd`. */
  found(count: number, fd: number): void {
    const only = count === 1 ? fd : -1;
    this.#alone = only >= 0 && only === this.#lastFd;
    this.#lastFd = only;
  }

  /** Spins unless it rests; returns the number of events found. */
  wait(source: Pollable): number {
    if (!this.#alone) return 0;
    if (this.#resting > 0) {
      this.#resting--;
      return 0;
    }
    for (let i = 0; i < this.#polls; i++) {
      const count = source.wait(0);
      if (count === 0) continue;
      if (this.#score < LOST_SPINS_MAX) this.#score++;
      else this.#restNext = SPIN_REST_FIRST;
      return count;
    }
    this.#lost();
    return 0;
  }

  #lost(): void {
    if (--this.#score > 0) return;
    this.#score = 1;
    this.#resting = this.#restNext;
    this.#restNext = Math.min(this.#restNext * 2, SPIN_REST_MAX);
  }
}
