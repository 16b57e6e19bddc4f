/** How many lines a second one source may put into the log; what is left out is counted. */
export class LogBudget {
  #second = -1;
  #lines = 0;
  #left = 0;

  constructor(private readonly linesPerSecondMax: number) {}

  /**
   * Whether a line may be written at `now` (ms): null if not, else how many were left out
   * since the last.
   */
  take(now: number): number | null {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    if (this.#lines >= this.linesPerSecondMax) {
      this.#left++;
      return null;
    }
    this.#lines++;
    const left = this.#left;
    this.#left = 0;
    return left;
  }
}
