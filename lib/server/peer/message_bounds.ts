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
  #ends: number[] = [];
  #waiters: (Waiter | null)[] = [];
  #dues: number[] = [];
  /** What is charged for each to who waits for it; 0 for replies. */
  #charges: number[] = [];
  #head = 0;
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
    const length = this.#ends.length;
    if (length === 0) return;
    while (this.#head < length && this.#ends[this.#head]! <= sent) this.#release(this.#head++);
    if (this.#head === length) this.#forget();
    else if (this.#head * 2 > length) this.#compact();
  }

  /** The message is gone, or as good as gone. */
  #release(index: number): void {
    const waiter = this.#waiters[index]!;
    this.#waiters[index] = null;
    if (this.#dues[index] !== NEVER) {
      this.#dues[index] = NEVER;
      this.#expiring--;
    }
    const charge = this.#charges[index]!;
    if (charge > 0) {
      this.#charges[index] = 0;
      this.#charged -= charge;
      this.#chargedCount--;
    }
    waiter?.messageGone(charge);
  }

  #compact(): void {
    this.#ends.splice(0, this.#head);
    this.#waiters.splice(0, this.#head);
    this.#dues.splice(0, this.#head);
    this.#charges.splice(0, this.#head);
    this.#head = 0;
  }

  /** Nobody waits any longer for those whose time is over at `now`; they stay. */
  releaseDue(now: number): void {
    for (let i = this.#head; i < this.#ends.length; i++) {
      if (this.#dues[i]! <= now) this.#release(i);
    }
  }

  /** No request is outstanding any longer because of those whose time is over at `now`. */
  passDue(now: number): void {
    for (let i = this.#head; i < this.#ends.length; i++) {
      const waiter = this.#waiters[i]!;
      if (waiter !== null && this.#dues[i]! <= now) this.#waiters[i] = waiter.late();
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
    for (let i = this.#head; i < this.#ends.length; i++) {
      const to = this.#ends[i]!;
      if (this.#dues[i]! <= now && !(begun && i === this.#head)) {
        gone.push({ from, to });
        this.#release(i);
      }
      from = to;
    }
    return gone;
  }

  /** Messages lie elsewhere now. */
  move(move: Move): void {
    const [ends, waiters, dues, charges] = [this.#ends, this.#waiters, this.#dues, this.#charges];
    const from = this.#head;
    [this.#ends, this.#waiters, this.#dues, this.#charges] = [[], [], [], []];
    [this.#head, this.#expiring, this.#charged, this.#chargedCount] = [0, 0, 0, 0];
    for (let i = from; i < ends.length; i++) {
      const end = move(ends[i]!);
      if (end >= 0) this.add(end, waiters[i]!, dues[i]!, charges[i]!);
    }
  }

  /** All are gone. */
  clear(): void {
    while (this.#head < this.#ends.length) this.#release(this.#head++);
    this.#forget();
  }

  #forget(): void {
    this.#ends.length = 0;
    this.#waiters.length = 0;
    this.#dues.length = 0;
    this.#charges.length = 0;
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
