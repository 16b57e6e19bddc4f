import type { Contender, ReadyQueue } from "./ready_queue.ts";

/**
 * Contenders that came since the last turn began. The next turn begins with all of them. Quiet ones that come in the middle
 * of a turn take part in that turn.
 */
export class Arrivals<T extends Contender> {
  readonly #contenders: T[] = [];
  readonly #queue: ReadyQueue<T>;

  constructor(queue: ReadyQueue<T>) {
    this.#queue = queue;
  }

  get count(): number {
    return this.#contenders.length;
  }

  add(contender: T): void {
    this.#contenders.push(contender);
  }

  /** All go into the queue, in the turn that begins at `now`. */
  enterAll(now: number): void {
    for (const contender of this.#contenders) this.#enter(contender, now);
    this.#contenders.length = 0;
  }

  /** Of those behind the first `known`, the quiet ones go into the queue at once; whether there are any. */
  enterQuiet(known: number, now: number): boolean {
    const contenders = this.#contenders;
    let remaining = known;
    for (let i = known; i < contenders.length; i++) {
      const contender = contenders[i]!;
      if (this.#queue.isQuiet(contender)) this.#enter(contender, now);
      else contenders[remaining++] = contender;
    }
    const isAny = remaining < contenders.length;
    contenders.length = remaining;
    return isAny;
  }

  #enter(contender: T, now: number): void {
    contender.readyAt = now;
    this.#queue.add(contender);
  }
}
