import type { Share } from "../engine/meter.ts";
import { CREDIT_UNITS, PRIVILEGED_LEAD_UNITS, PRIVILEGED_WEIGHT } from "../limits.ts";

/** What takes part in turns: a client, or work of the daemon's own. */
export interface Contender {
  /** What it has cost, and whether it goes before others and is charged less. */
  readonly connection: { readonly share: Share; readonly privileged: boolean };
  /** Kept by {@link ReadyQueue}: where it stands in virtual time, and the order among equals. */
  startsAt: number;
  arrival: number;
  /** Units that were charged ahead for its next request. */
  prepaid: number;
}

/**
 * Contenders that have something to do; the one that has used least comes first (start-time fair
 * queueing, Goyal et al. 1996). Each stands in virtual time at what it has used, but at most
 * {@link CREDIT_UNITS} behind the one that is served: that is the credit of a quiet client. So a
 * client that wakes up goes before all busy ones, however many they are, and those share alike.
 *
 * Its order depends on units alone, not on time: it is the same in each run.
 */
export class ReadyQueue<T extends Contender> {
  /** A binary heap. */
  readonly #heap: T[] = [];
  #arrivals = 0;
  /** The furthest start of service so far. */
  #virtualTime = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Where the next one stands; Infinity when there is none. */
  get next(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.startsAt;
  }

  /** Nobody waited for a while: all get credit of `units`. */
  idle(units: number): void {
    this.#virtualTime += units;
  }

  /** Adds one that is not in it. */
  add(contender: T): void {
    const { privileged, share } = contender.connection;
    const lead = privileged ? PRIVILEGED_LEAD_UNITS : 0;
    contender.startsAt = Math.max(share.at, this.#virtualTime - CREDIT_UNITS) - lead;
    contender.arrival = ++this.#arrivals;
    this.#rise(contender);
  }

  /** Takes the first one out; only of a queue that has one. */
  take(): T {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** One that was taken has been served, for `units`. */
  charge(contender: T, units: number): void {
    const { privileged, share } = contender.connection;
    const start = this.#startOf(contender);
    if (start > this.#virtualTime) this.#virtualTime = start;
    share.units += units;
    share.at = Math.max(share.at, start) + weighted(units, privileged);
  }

  /**
   * Charges one that was taken for what its next request will cost, so that all others that cost
   * less come before it.
   */
  prepay(contender: T, units: number): void {
    const { privileged, share } = contender.connection;
    contender.prepaid = units;
    share.at = Math.max(share.at, this.#startOf(contender)) + weighted(units, privileged);
  }

  /** That request is about to be handled: its real cost takes the place of what was charged ahead. */
  settle(contender: T): void {
    const { privileged, share } = contender.connection;
    const paid = weighted(contender.prepaid, privileged);
    share.at -= paid;
    contender.startsAt -= paid;
    contender.prepaid = 0;
  }

  #startOf({ connection, startsAt }: T): number {
    return connection.privileged ? startsAt + PRIVILEGED_LEAD_UNITS : startsAt;
  }

  #rise(contender: T): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(contender);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(contender, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = contender;
  }

  /** Puts one in place of the first. */
  #sink(contender: T): void {
    const heap = this.#heap;
    const { length } = heap;
    let at = 0;
    for (let below = 1; below < length; below = 2 * at + 1) {
      if (below + 1 < length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, contender)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = contender;
  }
}

function weighted(units: number, privileged: boolean): number {
  return privileged ? units / PRIVILEGED_WEIGHT : units;
}

function isBefore(a: Contender, b: Contender): boolean {
  return a.startsAt < b.startsAt || a.startsAt === b.startsAt && a.arrival < b.arrival;
}
