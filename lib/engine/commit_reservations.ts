import type { ConnectionBase } from "./connection_base.ts";
import { parentPath } from "../store/path.ts";
import {
  RESERVATION_MS_MAX,
  RESERVATION_PATHS_MAX,
  RESERVATION_SHORT_MS,
  RESERVATIONS_MAX,
} from "../limits.ts";
import type { Conflict } from "./conflict.ts";
import type { Connection } from "./connection.ts";
import { RefusedCommits } from "./refused_commits.ts";
import { SEEN_CHILDREN, SEEN_EXISTENCE, SEEN_PERMS, SEEN_VALUE, type Touched } from "./touched.ts";
import type { Transaction } from "./transaction.ts";
import { WriterWait } from "./writer_wait.ts";

/** One open transaction that reserves all that it has seen. */
interface Reservation {
  readonly transaction: Transaction;
  readonly since: number;
  /** When it ends, whether the transaction has or not, in ms; Infinity as long as nothing waits for it. */
  until: number;
}

/**
 * Keeps guests from refusing another client's commits for ever (XSA-206). After two
 * commits in a row that other guests' changes have refused, the connection's next transaction reserves
 * what it sees: guests' changes of that wait, with all behind them in their rings, until it ends, or
 * for {@link RESERVATION_MS_MAX}. If some have waited, and not for long, so does the transaction behind
 * it. Changes of privileged clients never wait.
 */
export class CommitReservations {
  #open: Reservation[] = [];
  #ended = false;
  #wakeAt = Infinity;
  /** When a change last went on although it is reserved, since it had waited long enough, in ms. */
  #brokenAt = -Infinity;

  /** Whether changes of guests may have to wait. */
  get any(): boolean {
    return this.#open.length > 0;
  }

  /** Whether something that waits may go on now. */
  get due(): boolean {
    return this.#ended && this.#wakeAt !== Infinity;
  }

  /** When something that waits may go on at the latest, in ms; Infinity when nothing waits. */
  get wakeAt(): number {
    return this.#wakeAt;
  }

  /** Whether what waits must be tried again at `now`. */
  look(now: number): boolean {
    if (!this.due && now < this.#wakeAt) return false;
    this.#ended = false;
    this.#wakeAt = Infinity;
    return true;
  }

  /** A transaction has started: it reserves if its connection has earned that. */
  begin(transaction: Transaction, now: number): void {
    const { connection } = transaction;
    if (connection.refusals === null || !connection.refusals.entitles(now)) return;
    let others = 0;
    let oldest: Reservation | null = null;
    for (const reservation of this.#open) {
      const owner = reservation.transaction.connection;
      if (owner === connection) return;
      if (owner.privileged !== connection.privileged) continue;
      others++;
      oldest ??= reservation;
    }
    if (others >= RESERVATIONS_MAX) {
      if (now < oldest!.since + RESERVATION_MS_MAX) return;
      this.#expire(oldest!.transaction, now);
    }
    transaction.reserves = true;
    this.#open.push({ transaction, since: now, until: Infinity });
  }

  /**
   * A transaction is about to end: what it reserves is free. True if changes have waited for it, for so
   * short a time that the next one may reserve, too.
   */
  close(transaction: Transaction, now: number): boolean {
    const reservation = this.#open.find((other) => other.transaction === transaction);
    if (reservation === undefined) return false;
    const { until } = reservation;
    if (now >= until) this.#expire(transaction, now);
    else this.#free(transaction);
    return until !== Infinity && now < until - RESERVATION_MS_MAX + RESERVATION_SHORT_MS;
  }

  /** A transaction has gone with its connection, or with all the others of it. */
  drop(transaction: Transaction): void {
    if (!transaction.reserves) return;
    this.#free(transaction);
    transaction.connection.refusals!.clear();
  }

  /** A commit was refused. */
  refused({ connection }: Transaction, { by, path }: Conflict): void {
    if (by.guest === undefined || by.guest === connection.domid) return;
    connection.refusals ??= new RefusedCommits();
    connection.refusals.refused(path);
  }

  #free(transaction: Transaction): void {
    transaction.reserves = false;
    this.#open = this.#open.filter((other) => other.transaction !== transaction);
    this.#ended = true;
  }

  #expire(transaction: Transaction, now: number): void {
    this.#free(transaction);
    transaction.connection.refusals!.tookLong(transaction, now);
  }

  /** Whether a guest's change of `facets` of the node at `path` has to wait. */
  holdChange(writer: Connection, path: string, facets: number, now: number): boolean {
    return this.#hold(writer, now, (reservation) => (facetsOf(reservation, path) & facets) !== 0);
  }

  /** The same of the creation of the node at `path`, and of those missing above it. */
  holdCreation(writer: Connection, path: string, aboveLength: number, now: number): boolean {
    return this.#hold(writer, now, (reservation) => {
      let above = path;
      while (above.length > Math.max(1, aboveLength)) {
        if (facetsOf(reservation, above) !== 0) return true;
        above = parentPath(above);
      }
      return (facetsOf(reservation, above) & SEEN_CHILDREN) !== 0;
    });
  }

  /** The same of the removal of the node at `path` with all below. */
  holdRemoval(writer: Connection, path: string, now: number): boolean {
    return this.#hold(writer, now, (reservation) => isRemovalSeen(reservation, path));
  }

  /** The same of the commit of a guest's transaction. */
  holdCommit(transaction: Transaction, now: number): boolean {
    const { connection, written } = transaction;
    return this.#hold(
      connection,
      now,
      (reservation) => written.some((touched) => isWriteSeen(reservation, touched)),
    );
  }

  #hold(
    writer: ConnectionBase,
    now: number,
    meets: (reservation: Reservation) => boolean,
  ): boolean {
    let isBroken = false;
    for (const reservation of this.#open) {
      const { transaction } = reservation;
      const owner = transaction.connection;
      if (owner === writer) continue;
      if (now >= reservation.until || transaction.touched.size > RESERVATION_PATHS_MAX) {
        this.#expire(transaction, now);
        continue;
      }
      if (!meets(reservation)) continue;
      const wait = writer.wait ??= new WriterWait();
      reservation.until = Math.min(reservation.until, now + RESERVATION_MS_MAX);
      const end = Math.min(reservation.until, wait.endFor(now, owner.privileged));
      const isOver = now >= end;
      if (isOver || wait.isOlderThan(this.#brokenAt)) {
        isBroken ||= isOver && owner.privileged;
        continue;
      }
      if (end < this.#wakeAt) this.#wakeAt = end;
      return true;
    }
    if (isBroken) this.#releaseAll(now);
    return false;
  }

  /**
   * A transaction will be refused because of a change that has waited long enough: all that wait go with it, so
   * that they refuse no further one, and the next to do that is one that begins to wait from now on.
   */
  #releaseAll(now: number): void {
    this.#brokenAt = now;
    this.#ended = true;
  }
}

/** What of the node at `path` a reservation is about. */
function facetsOf({ transaction }: Reservation, path: string): number {
  const touched = transaction.touched.get(path);
  return touched === undefined ? 0 : facetsSeen(touched);
}

/** What it has done, too, goes wrong if another client makes or removes the node meanwhile. */
function facetsSeen({ facets, written }: Touched): number {
  return written ? facets | SEEN_EXISTENCE : facets;
}

function isRemovalSeen(reservation: Reservation, path: string): boolean {
  if ((facetsOf(reservation, parentPath(path)) & SEEN_CHILDREN) !== 0) return true;
  for (const touched of reservation.transaction.touched.values()) {
    if (facetsSeen(touched) !== 0 && isWithin(touched.path, path)) return true;
  }
  return false;
}

function isWithin(path: string, top: string): boolean {
  return path.startsWith(top) && (path.length === top.length || path[top.length] === "/");
}

function isWriteSeen(reservation: Reservation, touched: Touched): boolean {
  const { createdWith, path, permsSet, removed, valueSet } = touched;
  if (removed && isRemovalSeen(reservation, path)) return true;
  const facets = facetsOf(reservation, path);
  if (createdWith !== null) {
    if (facets !== 0) return true;
    if ((facetsOf(reservation, parentPath(path)) & SEEN_CHILDREN) !== 0) return true;
  }
  if (permsSet && (facets & SEEN_PERMS) !== 0) return true;
  // Where the node has been removed meanwhile, the value makes it again.
  return valueSet && (facets & (SEEN_VALUE | SEEN_EXISTENCE)) !== 0;
}
