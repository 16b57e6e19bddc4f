import { CONFLICT_PAIRS_MAX } from "../limits.ts";

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
}

/** Who made whom abort: the pairs of the latest conflicts. */
export class ConflictPairs {
  /** The latest one last. */
  readonly #pairs = new Map<string, ConflictPair>();

  /** Another commit of `loser` was refused because of what `by` changed. */
  add(pair: Omit<ConflictPair, "count">): void {
    const key = `${pair.loser}\0${pair.by}`;
    const count = (this.#pairs.get(key)?.count ?? 0) + 1;
    this.#pairs.delete(key);
    this.#pairs.set(key, { ...pair, count });
    if (this.#pairs.size <= CONFLICT_PAIRS_MAX) return;
    for (const oldest of this.#pairs.keys()) {
      this.#pairs.delete(oldest);
      break;
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
