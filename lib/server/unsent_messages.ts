import type { Waiter } from "./outstanding.ts";

/**
 * Messages queued on one connection, where each ends, counted in all bytes ever queued, and who
 * waits until it is gone. Of a guest's ring all messages are here, of others those waited for.
 */
export class UnsentMessages {
  readonly #ends: number[] = [];
  readonly #waiters: (Waiter | null)[] = [];
  #head = 0;

  /** Adds the message whose last byte is the `end`th of all queued. */
  add(end: number, waiter: Waiter | null): void {
    this.#ends.push(end);
    this.#waiters.push(waiter);
  }

  /** Those lying wholly within the first `sent` bytes are gone. */
  sentUpTo(sent: number): void {
    const length = this.#ends.length;
    if (length === 0) return;
    while (this.#head < length && this.#ends[this.#head]! <= sent) this.#take();
    if (this.#head === length) this.#forget();
    else if (this.#head * 2 > length) this.#compact();
  }

  #take(): void {
    const waiter = this.#waiters[this.#head]!;
    this.#waiters[this.#head++] = null;
    waiter?.messageGone();
  }

  #compact(): void {
    this.#ends.splice(0, this.#head);
    this.#waiters.splice(0, this.#head);
    this.#head = 0;
  }

  /** All are gone. */
  clear(): void {
    while (this.#head < this.#ends.length) this.#take();
    this.#forget();
  }

  #forget(): void {
    this.#ends.length = 0;
    this.#waiters.length = 0;
    this.#head = 0;
  }

  /** Who waits for the messages that are not gone. */
  *waiters(): Generator<Waiter> {
    for (let i = this.#head; i < this.#waiters.length; i++) {
      const waiter = this.#waiters[i]!;
      if (waiter !== null) yield waiter;
    }
  }
}
