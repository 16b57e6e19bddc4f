import {
  LOG_BUDGETS_MAX,
  LOG_LINES_BURST,
  LOG_LINES_PER_SECOND,
  LOG_TEXT_MAX,
  PRIVILEGED_LOG_LINES_BURST,
  PRIVILEGED_LOG_LINES_PER_SECOND,
  UNPRIVILEGED_LOG_LINES_BURST,
  UNPRIVILEGED_LOG_LINES_PER_SECOND,
} from "../limits.ts";

/** Lines that one source may put into the log: some at once, then so many a second. */
export class LogBudget {
  #lines: number;
  #refilledAt = -Infinity;
  /** Lines left out since the last that was not. */
  left = 0;

  constructor(private readonly burst: number, private readonly perSecond: number) {
    this.#lines = burst;
  }

  /** Whether it has a line left at `now`, in ms. */
  has(now: number): boolean {
    const elapsed = now - this.#refilledAt;
    if (elapsed > 0) {
      this.#refilledAt = now;
      this.#lines = Math.min(this.burst, this.#lines + elapsed / 1000 * this.perSecond);
    }
    return this.#lines >= 1;
  }

  /** Takes the line that {@link has} found. */
  spend(): void {
    this.#lines--;
  }

  /** Takes a line: null when there is none, else what must be said of those left out before. */
  take(now: number): string | null {
    if (!this.has(now)) {
      this.left++;
      return null;
    }
    this.spend();
    return this.takeLeft();
  }

  /** Of lines left out, as the end of the next one; empty for none. */
  takeLeft(): string {
    const { left } = this;
    this.left = 0;
    return left === 0 ? "" : ` (${left} more ${left === 1 ? "line" : "lines"} left out)`;
  }
}

/** Lines that unprivileged domains may cause at once, and a second: each of them, and all together. */
export interface LogRates {
  readonly burst: number;
  readonly perSecond: number;
  readonly allBurst: number;
  readonly allPerSecond: number;
}

const USUAL_RATES: LogRates = {
  burst: LOG_LINES_BURST,
  perSecond: LOG_LINES_PER_SECOND,
  allBurst: UNPRIVILEGED_LOG_LINES_BURST,
  allPerSecond: UNPRIVILEGED_LOG_LINES_PER_SECOND,
};

/**
 * The budgets of all lines that clients can cause, by the domain that caused them: each domain has
 * its own, and all guests have one together, so that many of them, or one that is started again
 * and again, fill no disk either. The privileged domain has a larger one, which no guest can use
 * up. Warnings have budgets of their own, so that nobody can hide one behind lines of less weight.
 */
export class DomainLogBudgets {
  readonly #info: Budgets;
  readonly #grave: Budgets;

  constructor(privDomid: number, rates: LogRates = USUAL_RATES) {
    this.#info = new Budgets(privDomid, rates);
    this.#grave = new Budgets(privDomid, rates);
  }

  /**
   * Takes a line that `domid` caused at `now` (ms): null when it must be left out, else what is
   * to stand behind it.
   */
  take(level: "error" | "warning" | "info", domid: number, now: number): string | null {
    return (level === "info" ? this.#info : this.#grave).take(domid, now);
  }
}

/** Those of one weight. */
class Budgets {
  readonly #byDomid = new Map<number, LogBudget>();
  readonly #privileged = new LogBudget(
    PRIVILEGED_LOG_LINES_BURST,
    PRIVILEGED_LOG_LINES_PER_SECOND,
  );
  readonly #guests: LogBudget;

  constructor(private readonly privDomid: number, private readonly rates: LogRates) {
    this.#guests = new LogBudget(rates.allBurst, rates.allPerSecond);
  }

  take(domid: number, now: number): string | null {
    if (domid === this.privDomid) return this.#privileged.take(now);
    const own = this.#of(domid), all = this.#guests;
    if (!own.has(now) || !all.has(now)) {
      own.left++;
      return null;
    }
    all.spend();
    own.spend();
    return own.takeLeft();
  }

  #of(domid: number): LogBudget {
    let budget = this.#byDomid.get(domid);
    if (budget === undefined) {
      if (this.#byDomid.size >= LOG_BUDGETS_MAX) {
        // The one that is there longest: all guests' budget is bound still.
        for (const oldest of this.#byDomid.keys()) {
          this.#byDomid.delete(oldest);
          break;
        }
      }
      budget = new LogBudget(this.rates.burst, this.rates.perSecond);
      this.#byDomid.set(domid, budget);
    }
    return budget;
  }
}

/** A path, or anything else that a client may make long, as a line of the log shows it. */
export function cutForLog(text: string): string {
  if (text.length <= LOG_TEXT_MAX) return text;
  return `${text.slice(0, LOG_TEXT_MAX)}... (${text.length} characters)`;
}
