/** The search for the first commit after which something is so: as git bisect does it. */

/** What a test says of the store after a commit. */
export type Verdict = "good" | "bad" | "skip";

/**
 * Halves the numbers between a good moment and a bad one. Of those that cannot be tested nothing is known, and their neighbours are
 * tested instead.
 */
export class Bisection {
  /** The last number after which the store is known to be good, and the first after which it is known to be bad. */
  #good: number;
  #bad: number;
  readonly #skipped = new Set<number>();

  /** The store is good after number `good`, and bad after a later one. */
  constructor(good: number, bad: number) {
    this.#good = good;
    this.#bad = bad;
  }

  /** The number to be tested next; null when no more can be found out. */
  get next(): number | null {
    const middle = Math.floor((this.#good + this.#bad) / 2);
    for (let away = 0; away < this.left; away++) {
      for (const number of [middle - away, middle + away]) {
        const isBetween = number > this.#good && number < this.#bad;
        if (isBetween && !this.#skipped.has(number)) return number;
      }
    }
    return null;
  }

  /** How many numbers may still be the one. */
  get left(): number {
    return this.#bad - this.#good;
  }

  /** What the test of {@link next} has said of it. */
  take(number: number, verdict: Verdict): void {
    if (verdict === "good") this.#good = number;
    else if (verdict === "bad") this.#bad = number;
    else this.#skipped.add(number);
  }

  /** Where {@link next} is null: the first bad number is between these, inclusive; more than one where those could not be tested. */
  get found(): { readonly first: number; readonly last: number } {
    return { first: this.#good + 1, last: this.#bad };
  }
}
