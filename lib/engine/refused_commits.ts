import { RESERVATION_REST_MS, RESERVATIONS_LATE_MAX, RESERVED_AFTER } from "../limits.ts";

/** What is known here of a transaction. */
interface Attempt {
  /** Whether it has not ended. */
  readonly isOpen: boolean;
  readonly touched: { has(path: string): boolean };
}

/** The commits of one connection that were refused in a row because of what other guests wrote. */
export class RefusedCommits {
  #count = 0;
  /** The path of the latest conflict. */
  #path = "";
  /** When the connection may reserve again, in ms. */
  #restUntil = 0;
  /** The latest transaction that was open for longer than its reservation, and how many were in a row. */
  #late: Attempt | null = null;
  #lates = 0;

  /** Whether the next transaction reserves what it sees. */
  entitles(now: number): boolean {
    if (this.#count < RESERVED_AFTER || now < this.#restUntil) return false;
    const late = this.#late;
    if (late === null || !late.isOpen) return true;
    // That one was left open.
    this.rest(now);
    return false;
  }

  /** A commit was refused because of a change at `path`. */
  refused(path: string): void {
    this.#count++;
    this.#path = path;
  }

  /** A transaction is open for longer than its reservation lasts, or sees more than it can reserve. */
  tookLong(transaction: Attempt, now: number): void {
    this.#late = transaction;
    if (++this.#lates > RESERVATIONS_LATE_MAX) this.rest(now);
  }

  /** A transaction was committed: if it is the one that was refused, the next need not be protected. */
  passed(transaction: Attempt, isContested: boolean): void {
    if (!transaction.touched.has(this.#path)) return;
    if (isContested) this.#lates = 0;
    else this.clear();
  }

  /** A transaction was given up. */
  gaveUp(transaction: Attempt, now: number): void {
    if (transaction === this.#late) this.rest(now);
    else if (transaction.touched.has(this.#path)) this.clear();
  }

  /** The connection must earn its next reservation again, and not before some time has passed. */
  rest(now: number): void {
    this.clear();
    this.#restUntil = now + RESERVATION_REST_MS;
  }

  clear(): void {
    this.#count = 0;
    this.#path = "";
    this.#late = null;
    this.#lates = 0;
  }
}
