/**
 * What the daemon's work costs, in units of some 10 ns on a usual machine. Units are counted where
 * work is done, not timed: the same requests cost the same on every machine and at any load, so that
 * who goes first is the same in each run of a test. `deno task bench:meter` compares the two.
 */

/** Units in a microsecond, about: see docs/performance.md, "The meter". */
export const UNITS_PER_US = 100;

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

  /** Returns {@link units}, and counts anew from nothing. */
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
   * How far the client has got in virtual time: it moves on by what its requests cost, so whoever
   * is furthest behind has used least. Kept by the turn.
   */
  at = 0;
}
