import { PROGRESS_AFTER_MS, PROGRESS_INTERVAL_MS } from "../lib/limits.ts";
import type { Clock } from "../lib/clock.ts";
import type { ProgressSink } from "../lib/archive/archive.ts";
import { flush, type Output } from "./shell.ts";

/** Progress of what takes over a second, on one line of a terminal that is written again and again. */
export class Progress implements ProgressSink {
  readonly #output: Output;
  readonly #enabled: boolean;
  readonly #clock: Clock;
  #dueAt: number;
  #shown = false;

  constructor(output: Output, enabled: boolean, clock: Clock) {
    this.#output = output;
    this.#enabled = enabled;
    this.#clock = clock;
    this.#dueAt = clock.now() + PROGRESS_AFTER_MS;
  }

  update(what: string, done: number, expected: number): void {
    if (!this.#enabled) return;
    const now = this.#clock.now();
    if (now < this.#dueAt) return;
    this.#dueAt = now + PROGRESS_INTERVAL_MS;
    this.#shown = true;
    const share = expected > 0 ? `${Math.floor(100 * Math.min(1, done / expected))} %` : `${done}`;
    this.#output.write(`\r\x1b[K${what}: ${share}`);
    flush(this.#output);
  }

  /** Takes the line away, so that others can be written. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#output.write("\r\x1b[K");
    flush(this.#output);
  }
}
