import { CONFLICT_LINES_BURST, CONFLICT_LINES_PER_SECOND, CONFLICT_PAIRS_MAX } from "../limits.ts";
import { LogBudget } from "./domain_log_budget.ts";

/** Two clients of which one has made the other's transactions fail. */
export interface ConflictPair {
  /** The client whose commits were refused, as the log names it, and its domain. */
  readonly loser: string;
  readonly loserDomid: number;
  /** The client whose changes were in their way; what the daemon itself changed is the privileged domain's. */
  readonly by: string;
  readonly byDomid: number;
  /** How often. */
  count: number;
  /** The latest conflict: which node, and what of it. */
  path: string;
  facet: string;
  /** How many lines of the log there may be about the two. */
  readonly lines: LogBudget;
}

/** Who made whom abort: the pairs of the latest conflicts. */
export class ConflictPairs {
  /** The latest one last. */
  readonly #pairs = new Map<string, ConflictPair>();

  /** Another commit of `loser` was refused because of what `by` changed. */
  add(conflict: Omit<ConflictPair, "count" | "lines">): ConflictPair {
    const key = `${conflict.loser}\0${conflict.by}`;
    const before = this.#pairs.get(key);
    const lines = before?.lines ?? new LogBudget(CONFLICT_LINES_BURST, CONFLICT_LINES_PER_SECOND);
    const pair = { ...conflict, count: (before?.count ?? 0) + 1, lines };
    this.#pairs.delete(key);
    this.#pairs.set(key, pair);
    if (this.#pairs.size > CONFLICT_PAIRS_MAX) this.#dropOldest();
    return pair;
  }

  #dropOldest(): void {
    for (const oldest of this.#pairs.keys()) {
      this.#pairs.delete(oldest);
      return;
    }
  }

  /** Those with the most conflicts first. */
  all(): ConflictPair[] {
    return [...this.#pairs.values()].sort((a, b) => b.count - a.count);
  }

  /** A domain is gone, and the pairs that it was in. */
  drop(domid: number): void {
    for (const [key, { byDomid, loserDomid }] of this.#pairs) {
      if (byDomid === domid || loserDomid === domid) this.#pairs.delete(key);
    }
  }
}
