import type { Share } from "../engine/meter.ts";
import { CREDIT_UNITS, PRIVILEGED_LEAD_UNITS, PRIVILEGED_WEIGHT } from "../limits.ts";

/** What takes part in turns: a client, or work of the daemon's own. */
export interface Contender {
  /** What it has cost, and whether it goes before others and is charged less. */
  readonly connection: { readonly share: Share; readonly privileged: boolean };
  /** Units that were charged ahead for its next request. Kept by {@link ReadyQueue}. */
  prepaid: number;
}

const ROOM_FIRST = 64;

/**
 * Contenders that have something to do; the one that has used least comes first (start-time fair
 * queueing, Goyal et al. 1996). Each stands in virtual time at what it has used, but at most
 * {@link CREDIT_UNITS} behind the one that is served: that is the credit of a quiet client. So a
 * client that wakes up goes before all busy ones, however many they are, and those share alike.
 *
 * Its order depends on units alone, not on time: it is the same in each run.
 */
export class ReadyQueue<T extends Contender> {
  /** A binary heap: the contenders, where they stand, and when they came, for the order of equals. */
  readonly #heap: (T | null)[] = [];
  #places = new Float64Array(ROOM_FIRST);
  #arrivals = new Float64Array(ROOM_FIRST);
  #size = 0;
  #arrivalLast = 0;
  /** The furthest start of service so far. */
  #virtualTime = 0;
  /** Where the one that was taken last stood in virtual time. */
  #start = 0;

  get size(): number {
    return this.#size;
  }

  /** Where the next one stands; Infinity when there is none. */
  get next(): number {
    return this.#size === 0 ? Infinity : this.#places[0]!;
  }

  /** Nobody waited for a while: all get credit of `units`. */
  idle(units: number): void {
    this.#virtualTime += units;
  }

  /** Adds one that is not in it. */
  add(contender: T): void {
    const { privileged, share } = contender.connection;
    const least = this.#virtualTime - CREDIT_UNITS;
    const place = share.at > least ? share.at : least;
    if (this.#size === this.#places.length) this.#grow();
    this.#rise(
      contender,
      privileged ? place - PRIVILEGED_LEAD_UNITS : place,
      ++this.#arrivalLast,
    );
  }

  #grow(): void {
    const places = new Float64Array(2 * this.#places.length);
    const arrivals = new Float64Array(places.length);
    places.set(this.#places);
    arrivals.set(this.#arrivals);
    this.#places = places;
    this.#arrivals = arrivals;
  }

  /** Takes the first one out; only of a queue that has one. */
  take(): T {
    const heap = this.#heap;
    const first = heap[0]!;
    const place = this.#places[0]!;
    this.#start = first.connection.privileged ? place + PRIVILEGED_LEAD_UNITS : place;
    const end = --this.#size;
    const last = heap[end]!;
    heap[end] = null;
    if (end > 0) this.#sink(last, this.#places[end]!, this.#arrivals[end]!);
    return first;
  }

  /** The one that was taken last has been served, for `units`. */
  charge({ connection: { privileged, share } }: T, units: number): void {
    const start = this.#start;
    if (start > this.#virtualTime) this.#virtualTime = start;
    share.units += units;
    share.at = (share.at > start ? share.at : start) + weighted(units, privileged);
  }

  /**
   * Charges the one that was taken last for what its next request will cost, so that all others
   * that cost less come before it.
   */
  prepay(contender: T, units: number): void {
    const { privileged, share } = contender.connection;
    contender.prepaid = units;
    share.at = Math.max(share.at, this.#start) + weighted(units, privileged);
  }

  /** That request is about to be handled: its real cost takes the place of what was charged ahead. */
  settle(contender: T): void {
    const { privileged, share } = contender.connection;
    const paid = weighted(contender.prepaid, privileged);
    share.at -= paid;
    this.#start -= paid;
    contender.prepaid = 0;
  }

  #rise(contender: T, place: number, arrival: number): void {
    const heap = this.#heap, places = this.#places, arrivals = this.#arrivals;
    let at = this.#size++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      // It came last: among equals it stays behind.
      if (places[above]! <= place) break;
      heap[at] = heap[above]!;
      places[at] = places[above]!;
      arrivals[at] = arrivals[above]!;
      at = above;
    }
    heap[at] = contender;
    places[at] = place;
    arrivals[at] = arrival;
  }

  /** Puts one in place of the first. */
  #sink(contender: T, place: number, arrival: number): void {
    const heap = this.#heap, places = this.#places, arrivals = this.#arrivals;
    const size = this.#size;
    let at = 0;
    for (let below = 1; below < size; below = 2 * at + 1) {
      let other = places[below]!;
      const next = below + 1 < size ? places[below + 1]! : Infinity;
      if (next < other || next === other && arrivals[below + 1]! < arrivals[below]!) {
        below++;
        other = next;
      }
      if (other > place || other === place && arrivals[below]! > arrival) break;
      heap[at] = heap[below]!;
      places[at] = other;
      arrivals[at] = arrivals[below]!;
      at = below;
    }
    heap[at] = contender;
    places[at] = place;
    arrivals[at] = arrival;
  }
}

function weighted(units: number, privileged: boolean): number {
  return privileged ? units / PRIVILEGED_WEIGHT : units;
}
