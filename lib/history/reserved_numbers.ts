/** Numbers of commits that a store reserves, for when its history's file is lost. */
import { HISTORY_NUMBERS_RESERVED } from "../limits.ts";

/** What a store remembers of its history, for when the history's file is lost. */
export interface Numbers {
  /** No number up to this one may be given again. */
  get(): number;
  /** Numbers up to this one may be given from now on; false when that cannot be noted now. */
  reserve(upTo: number): boolean;
}

/** Reserves numbers before they are given, many at once. */
export class ReservedNumbers {
  #upTo = 0;

  constructor(private readonly numbers: Numbers) {}

  /** Reserves more when half of those behind `last` are given. */
  keepAhead(last: number): void {
    if (last + HISTORY_NUMBERS_RESERVED / 2 < this.#upTo) return;
    const upTo = last + HISTORY_NUMBERS_RESERVED;
    if (this.numbers.reserve(upTo)) this.#upTo = upTo;
  }
}
