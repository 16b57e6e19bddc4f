import type { Share } from "../../engine/work_meter.ts";
import {
  CREDIT_UNITS,
  PRIVILEGED_LEAD_UNITS,
  PRIVILEGED_WEIGHT,
  QUIET_PAUSE_MS,
  READY_ROOM_FIRST,
  STEP_CREDIT_UNITS,
  STEP_FADE,
} from "../../limits.ts";

/** What takes part in turns: a client, or work of the daemon's own. */
export interface Contender {
  /** What it has cost, and whether it goes before others and is charged less. */
  readonly connection: { readonly share: Share; readonly privileged: boolean };
  /** Units that were charged ahead for its next request. Kept by {@link ReadyQueue}. */
  prepaid: number;
  /** When the turn began in which there was first something to do for it, in ms. Kept by the turns. */
  readyAt: number;
}

/**
 * Contenders that have something to do; the one that has used least comes first (start-time fair
 * queueing, Goyal et al. 1996). Each stands in virtual time at what it has used, but at most
 * {@link CREDIT_UNITS} behind the one that is served: that is the credit of a quiet client. So a
 * client that wakes up goes before all busy ones, however many they are, and those share alike. Of
 * guests that have all their credit, one that uses little at a time goes first: thirty that begin at
 * once do not delay one that reads a value.
 *
 * Its order depends on units alone, not on time: it is the same in each run.
 */
export class ReadyQueue<T extends Contender> {
  /**
   * The contenders in their order, from {@link #head} on, and where they stand. Who has just been served
   * comes to the end, and a quiet one to the front: to move the few that are nearer to either takes less
   * than a heap does.
   */
  #queue: (T | null)[] = new Array<T | null>(READY_ROOM_FIRST).fill(null);
  #places = new Float64Array(READY_ROOM_FIRST);
  #head = READY_ROOM_FIRST >> 1;
  #end = READY_ROOM_FIRST >> 1;
  /** The furthest start of service so far. */
  #virtualTime = 0;
  /** Where the one that was taken last stood in virtual time. */
  #start = 0;

  get size(): number {
    return this.#end - this.#head;
  }

  /** Where the next one stands; Infinity when there is none. */
  get next(): number {
    return this.#end === this.#head ? Infinity : this.#places[this.#head]!;
  }

  /** Up to where those stand that have half of their credit left: the quiet ones. */
  get quiet(): number {
    return this.#virtualTime - CREDIT_UNITS / 2;
  }

  /** Nobody waited for a while: all get credit of `units`. */
  idle(units: number): void {
    this.#virtualTime += units;
  }

  /** Whether one that is not in it would stand among the quiet ones. */
  isQuiet(contender: T): boolean {
    return this.#placeOf(contender) <= this.quiet;
  }

  /** Adds one that is not in it. */
  add(contender: T): void {
    this.#insert(contender, this.#placeOf(contender));
  }

  #placeOf({ connection: { privileged, share } }: T): number {
    let least = this.#virtualTime - CREDIT_UNITS;
    if (!privileged) least += share.step < STEP_CREDIT_UNITS ? share.step : STEP_CREDIT_UNITS;
    const place = share.at > least ? share.at : least;
    return privileged ? place - PRIVILEGED_LEAD_UNITS : place;
  }

  /** Among equals it stays behind those that came before it. */
  #insert(contender: T, place: number): void {
    if (this.#head === 0 || this.#end === this.#places.length) this.#makeRoom();
    const queue = this.#queue, places = this.#places;
    const head = this.#head, end = this.#end;
    let at: number;
    if (places[head + end >> 1]! <= place || end === head) {
      for (at = end; at > head && places[at - 1]! > place; at--) {
        queue[at] = queue[at - 1]!;
        places[at] = places[at - 1]!;
      }
      this.#end = end + 1;
    } else {
      // The one in the middle comes behind it.
      for (at = head - 1; places[at + 1]! <= place; at++) {
        queue[at] = queue[at + 1]!;
        places[at] = places[at + 1]!;
      }
      this.#head = head - 1;
    }
    queue[at] = contender;
    places[at] = place;
  }

  /** Moves all to the middle, where there is as much room before as behind them. */
  #makeRoom(): void {
    const { size } = this;
    const length = Math.max(READY_ROOM_FIRST, 2 ** Math.ceil(Math.log2(4 * size + 1)));
    const queue = new Array<T | null>(length).fill(null);
    const places = new Float64Array(length);
    const head = length - size >> 1;
    for (let i = 0; i < size; i++) {
      queue[head + i] = this.#queue[this.#head + i]!;
      places[head + i] = this.#places[this.#head + i]!;
    }
    this.#queue = queue;
    this.#places = places;
    this.#head = head;
    this.#end = head + size;
  }

  /** Whether the next one begins, at `now` in ms: one of several quiet ones that was not served for a while. */
  isBeginning(now: number): boolean {
    if (this.size < 2 || this.next > this.quiet) return false;
    return now - this.#queue[this.#head]!.connection.share.servedAt > QUIET_PAUSE_MS;
  }

  /** Takes the first one out, to be served at `now` in ms; only of a queue that has one. */
  take(now: number): T {
    const head = this.#head;
    const first = this.#queue[head]!;
    const place = this.#places[head]!;
    first.connection.share.servedAt = now;
    this.#start = first.connection.privileged ? place + PRIVILEGED_LEAD_UNITS : place;
    this.#queue[head] = null;
    this.#head = head + 1;
    if (this.#head === this.#end) this.#head = this.#end = this.#places.length >> 1;
    return first;
  }

  /** The one that was taken last has been served, for `units`. */
  charge({ connection: { privileged, share } }: T, units: number): void {
    const start = this.#start;
    if (start > this.#virtualTime) this.#virtualTime = start;
    share.units += units;
    share.step = units > share.step ? units : share.step + (units - share.step) / STEP_FADE;
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
}

function weighted(units: number, privileged: boolean): number {
  return privileged ? units / PRIVILEGED_WEIGHT : units;
}
