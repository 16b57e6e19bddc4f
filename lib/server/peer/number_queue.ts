import { QUEUE_NUMBERS_REUSED } from "../../limits.ts";

const NONE = new Float64Array(0);

/**
 * Numbers, first in, first out. They are outside of V8's heap, where a long list would be moved by each collection of
 * garbage, and copied as it grows.
 */
export class NumberQueue {
  #values = NONE;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  /** The one at `index`, which is there. */
  at(index: number): number {
    return this.#values[this.#from + index]!;
  }

  set(index: number, value: number): void {
    this.#values[this.#from + index] = value;
  }

  push(value: number): void {
    if (this.#to === this.#values.length) this.#makeRoom();
    this.#values[this.#to++] = value;
  }

  /** Removes the first `count`, which are there. */
  shift(count: number): void {
    this.#from += count;
    if (this.#from === this.#to) this.clear();
  }

  /** Removes all. */
  clear(): void {
    this.#from = this.#to = 0;
    if (this.#values.length > QUEUE_NUMBERS_REUSED) this.#values = NONE;
  }

  /** Makes room at the end: where half of the memory is free, it is enough. */
  #makeRoom(): void {
    const values = this.#values;
    if (2 * this.#from >= values.length && this.#from > 0) {
      values.copyWithin(0, this.#from, this.#to);
    } else {
      // The first eight take 64 bytes, which V8 keeps within its heap: most queues need no more.
      const grown = this.#values = new Float64Array(
        values.length + Math.max(8, values.length >> 1),
      );
      grown.set(values.subarray(this.#from, this.#to));
    }
    this.#to -= this.#from;
    this.#from = 0;
  }
}
