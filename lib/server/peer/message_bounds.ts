import { NumberQueue } from "./number_queue.ts";
import type { Waiter } from "./outstanding_requests.ts";

/** When what is never dropped is due. */
export const NEVER = Infinity;

/** Bytes from one to before another, counted in all ever queued. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Says where a message that ended at `end` ends now; negative for one that is not there any more. */
export type Move = (end: number) => number;

/**
 * Messages queued on one connection, where each ends, counted in all bytes ever queued, who waits
 * until it is gone, and when its time is over. Of a guest's ring all messages are here, of others
 * those waited for.
 */
export class MessageBounds {
  #ends = new NumberQueue();
  #dues = new NumberQueue();
  /** What is charged for each to who waits for it; 0 for replies. */
  #charges = new NumberQueue();
  /** Who waits for each, behind some that are gone. */
  #waiters: (Waiter | null)[] = [];
  #goneWaiters = 0;
  #expiring = 0;
  #charged = 0;
  #chargedCount = 0;

  /** What is charged for those here. */
  get charged(): number {
    return this.#charged;
  }

  /** How many are charged to a client. */
  get chargedCount(): number {
    return this.#chargedCount;
  }

  /** How many have a time that will be over. */
  get expiringCount(): number {
    return this.#expiring;
  }

  /** Whether there are any whose time will be over. */
  get hasExpiring(): boolean {
    return this.#expiring > 0;
  }

  /**
   * Adds the message whose last byte is the `end`th of all queued; its time is over at `due`, and
   * `charge` bytes are charged for it to the waiter.
   */
  add(end: number, waiter: Waiter | null, due: number, charge = 0): void {
    this.#ends.push(end);
    this.#charges.push(charge);
    if (charge > 0) {
      this.#charged += charge;
      this.#chargedCount++;
    }
    this.#waiters.push(waiter);
    this.#dues.push(due);
    if (due !== NEVER) this.#expiring++;
  }

  /** Those lying wholly within the first `sent` bytes are gone. */
  sentUpTo(sent: number): void {
    while (this.#ends.length > 0 && this.#ends.at(0) <= sent) this.#releaseFirst();
  }

  /** The first message is gone. */
  #releaseFirst(): void {
    const waiter = this.#waiters[this.#goneWaiters]!, charge = this.#forget(0);
    this.#ends.shift(1);
    this.#dues.shift(1);
    this.#charges.shift(1);
    this.#waiters[this.#goneWaiters++] = null;
    if (this.#ends.length === 0) this.#waiters.length = this.#goneWaiters = 0;
    else if (2 * this.#goneWaiters > this.#waiters.length) this.#compact();
    waiter?.messageGone(charge);
  }

  /** The message is as good as gone. */
  #release(index: number): void {
    const at = this.#goneWaiters + index, waiter = this.#waiters[at]!, charge = this.#forget(index);
    this.#waiters[at] = null;
    waiter?.messageGone(charge);
  }

  /** A message has neither a time nor a charge any more; returns its charge. */
  #forget(index: number): number {
    if (this.#dues.at(index) !== NEVER) {
      this.#dues.set(index, NEVER);
      this.#expiring--;
    }
    const charge = this.#charges.at(index);
    if (charge > 0) {
      this.#charges.set(index, 0);
      this.#charged -= charge;
      this.#chargedCount--;
    }
    return charge;
  }

  #compact(): void {
    this.#waiters.copyWithin(0, this.#goneWaiters);
    this.#waiters.length -= this.#goneWaiters;
    this.#goneWaiters = 0;
  }

  /** Nobody waits any longer for those whose time is over at `now`; they stay. */
  releaseDue(now: number): void {
    for (let i = 0; i < this.#ends.length; i++) if (this.#dues.at(i) <= now) this.#release(i);
  }

  /** No request is outstanding any longer because of those whose time is over at `now`. */
  passDue(now: number): void {
    for (let i = 0; i < this.#ends.length; i++) {
      const at = this.#goneWaiters + i, waiter = this.#waiters[at]!;
      if (waiter !== null && this.#dues.at(i) <= now) this.#waiters[at] = waiter.late();
    }
  }

  /**
   * Gives up those whose time is over at `now`, and says where they were: {@link move} must be
   * called when they have been cut out. The first `sent` bytes have left; the first message stays
   * if it has `begun` to.
   */
  takeDue(now: number, sent: number, begun: boolean): Span[] {
    const gone: Span[] = [];
    let from = sent;
    for (let i = 0; i < this.#ends.length; i++) {
      const to = this.#ends.at(i);
      if (this.#dues.at(i) <= now && !(begun && i === 0)) {
        gone.push({ from, to });
        this.#release(i);
      }
      from = to;
    }
    return gone;
  }

  /** Messages lie elsewhere now. */
  move(move: Move): void {
    const [ends, dues, charges] = [this.#ends, this.#dues, this.#charges];
    const waiters = this.#waiters, from = this.#goneWaiters;
    [this.#ends, this.#dues, this.#charges] = [
      new NumberQueue(),
      new NumberQueue(),
      new NumberQueue(),
    ];
    this.#waiters = [];
    [this.#goneWaiters, this.#expiring, this.#charged, this.#chargedCount] = [0, 0, 0, 0];
    for (let i = 0; i < ends.length; i++) {
      const end = move(ends.at(i));
      if (end >= 0) this.add(end, waiters[from + i]!, dues.at(i), charges.at(i));
    }
  }

  /** All are gone. */
  clear(): void {
    while (this.#ends.length > 0) this.#releaseFirst();
  }

  /** Who waits for the messages that are not gone. */
  *waiters(): Generator<Waiter> {
    for (let i = this.#goneWaiters; i < this.#waiters.length; i++) {
      const waiter = this.#waiters[i]!;
      if (waiter !== null) yield waiter;
    }
  }
}
