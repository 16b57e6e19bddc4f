/**
 * What the daemon's work costs, in units of some 10 ns on a usual machine. Units are counted where
 * work is done, not timed: the same requests cost the same on every machine and at any load, so the
 * order of clients is the same in each run of a test. `deno task bench:meter` compares the two.
 */
import { STEP_UNITS_FIRST } from "../limits.ts";

/** Units in a millisecond, about: see docs/performance.md, "The meter". */
export const UNITS_PER_MS = 100_000;

/** One request, whatever it asks for: its framing, its rights, its reply. */
export const REQUEST_UNITS = 40;

/** A look at what a ring has, and an output to be sent, with the notice to its guest. */
export const READ_UNITS = 150;
export const SEND_UNITS = 250;

/**
 * The same on a socket, a system call each. They take some 1.5 and 2.5 us, but count for less, so
 * that sixteen clients with a request each fit into one turn and share its poll and its commit.
 */
export const SOCKET_READ_UNITS = 100;
export const SOCKET_SEND_UNITS = 150;

/** Bytes of paths, tokens and values, copied and hashed: one unit for eight. */
export const TEXT_SHIFT = 3;

/** A name of a path, on all walks that one request makes. */
export const NAME_UNITS = 2;

/** A watch to be looked at because something changed; an event for it; one dropped. */
export const WATCH_UNITS = 5;
export const EVENT_UNITS = 25;
export const FORGET_UNITS = 30;

/** A watch registered, besides one for each byte of its path. */
export const REGISTRATION_UNITS = 60;

/** An entry of permissions, read or written. */
export const PERM_UNITS = 15;

/**
 * At a commit, for each node that was seen, if anything has changed meanwhile; and for each that
 * was changed.
 */
export const SEEN_UNITS = 40;
export const WRITTEN_UNITS = 40;

/** For each node changed, at most, all that a commit does included: for estimates only. */
export const MERGED_UNITS = 90;

/**
 * For each change that a listener records: the record, its path, which is compared and hashed, and its bytes, which are written,
 * compressed and later pruned. A commit of one small change costs nothing extra: its record is little beside the rest of the request.
 */
export const RECORDED_UNITS = 60;
export const RECORDED_PATH_SHIFT = 3;
export const RECORDED_BYTES_SHIFT = 2;

/** For each node that a request removes, all included: for estimates only. */
export const REMOVED_UNITS = 10;

/** For each node that a request makes, all included, but for its path: for estimates only. */
export const MADE_UNITS = 32;

/** Counts what is done until the turn asks for it. */
export class Meter {
  #units = 0;

  /** Notes work of `units`, a whole number. */
  add(units: number): void {
    this.#units += units;
  }

  /** Units noted since the last {@link take}. */
  get units(): number {
    return this.#units;
  }

  /** Returns {@link units}, and counts again from nothing. */
  take(): number {
    const units = this.#units;
    this.#units = 0;
    return units;
  }
}

/**
 * What one client has cost: a socket's client for itself, all connections of one domain together.
 */
export class Share {
  /** Units of all its requests so far. */
  units = 0;
  /**
   * How far the client has got in virtual time, which moves on by what its requests cost: the client
   * that is furthest behind has used least. Kept by the turn.
   */
  at = 0;
  /** What it uses when it is served once, in units: the most of late, which fades. Kept by the turn. */
  step = STEP_UNITS_FIRST;
  /** When the turn began in which it was served last, in ms. Kept by the turn. */
  servedAt = -Infinity;
}
