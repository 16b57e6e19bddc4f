import { ArchiveError } from "./archive.ts";

/** The user has interrupted a command: what became of it. */
export class InterruptedError extends ArchiveError {}

/**
 * Whether the user has interrupted the command. What must not be left half done defers that, and looks
 * itself.
 */
export class Interrupt {
  /** Rejects when the command is interrupted and nothing defers it. */
  readonly stopped: Promise<never>;
  #reject: (error: Error) => void = () => {};
  #deferred = 0;
  #requested = false;

  constructor() {
    this.stopped = new Promise((_, reject) => this.#reject = reject);
    // It is waited for only by those who can be stopped so.
    this.stopped.catch(() => {});
  }

  get requested(): boolean {
    return this.#requested;
  }

  /** The user wants it to end. */
  request(): void {
    this.#requested = true;
    if (this.#deferred === 0) this.#reject(new InterruptedError("interrupted"));
  }

  /** Does what must not be stopped from outside. */
  async defer<T>(action: () => Promise<T>): Promise<T> {
    this.#deferred++;
    try {
      return await action();
    } finally {
      this.#deferred--;
    }
  }
}
