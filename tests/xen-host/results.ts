/** Reads what the scripts in dom0 and in the guests say about their checks out of the console. */

export interface Result {
  readonly outcome: "ok" | "not ok" | "skip";
  readonly name: string;
  /** Why it failed or was skipped; empty for a success. */
  readonly why: string;
}

const LINE = /\[check\] (?:(ok|not ok|skip) ([\w.-]+)(?:: (.*?))?|(end) (\d+))\s*$/;

/** Takes console lines one by one and keeps the results. */
export class Results {
  readonly all: Result[] = [];
  #ended: number | null = null;

  /** Returns the result that this line states, if it does. */
  take(line: string): Result | null {
    const match = LINE.exec(line);
    if (match === null) return null;
    const [, outcome, name, why, end, count] = match;
    if (end !== undefined) {
      this.#ended = Number(count);
      return null;
    }
    const result = { outcome: outcome as Result["outcome"], name: name!, why: why ?? "" };
    this.all.push(result);
    return result;
  }

  count(outcome: Result["outcome"]): number {
    return this.all.filter((result) => result.outcome === outcome).length;
  }

  /** What keeps the run from being a success, or null when nothing does. */
  fault(): string | null {
    if (this.#ended === null) return "the checks did not come to their end";
    if (this.#ended !== this.all.length) {
      return `dom0 made ${this.#ended} checks, the console shows ${this.all.length}`;
    }
    if (this.count("ok") === 0) return "no check passed";
    const failed = this.count("not ok");
    return failed === 0 ? null : `${failed} of ${this.all.length} checks failed`;
  }
}
