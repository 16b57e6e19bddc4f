/** Keeps up with the domains that begin and end: see lives.ts. */
import { HISTORY_LIVES_MIN, HISTORY_LONG_LIFE_MICROSECONDS } from "../limits.ts";
import type { History } from "./history.ts";
import type { IsAlive } from "./lives.ts";

/** A domain that is new, and the first and the last time at which it may have done something. */
interface NewDomain {
  readonly holder: string;
  readonly since: number;
  until: number;
}

/** Tells a history's {@link Lives} what its blocks and the daemon know of domains. */
export class LivesUpkeep {
  readonly #history: History;
  readonly #isAlive: IsAlive;
  /** The first block that has not been looked at. */
  #next = 0;
  /** How many domains may be remembered before some are forgotten. */
  #most = HISTORY_LIVES_MIN;

  constructor(history: History, isAlive: IsAlive) {
    this.#history = history;
    this.#isAlive = isAlive;
  }

  /** Takes note of what is new at time `now`; false when nothing is, or it cannot be written. */
  step(now: number): boolean {
    const { growing, lives } = this.#history;
    lives.look(this.#isAlive);
    const ripe = lives.ripe(now), news = growing === this.#next ? [] : this.#newDomains();
    const isTooMany = lives.count > this.#most;
    if (ripe.length === 0 && news.length === 0 && !isTooMany) {
      this.#next = growing;
      return false;
    }
    const isWritten = this.#history.commit(() => {
      for (const holder of ripe) lives.lengthen(holder);
      for (const { holder, since, until } of news) {
        lives.begin(holder, since, this.#isAlive);
        if (until - since >= HISTORY_LONG_LIFE_MICROSECONDS) lives.lengthen(holder);
      }
      if (isTooMany) this.#forget();
    });
    if (isWritten) this.#next = growing;
    return isWritten;
  }

  /** In the order in which they came. */
  #newDomains(): NewDomain[] {
    const { blocks: { heads }, growing, lives } = this.#history;
    const found = new Map<string, NewDomain>();
    const from = heads.findLastIndex(({ block }) => block < this.#next) + 1;
    for (const { block, fromAt, shares, toAt } of heads.slice(from)) {
      if (block >= growing) break;
      for (const [holder] of shares) {
        const known = found.get(holder);
        if (known !== undefined) known.until = toAt;
        else if (!lives.knows(holder)) found.set(holder, { holder, since: fromAt, until: toAt });
      }
    }
    return [...found.values()];
  }

  #forget(): void {
    const { blocks: { heads }, lives } = this.#history;
    const holders = new Set(heads.flatMap(({ shares }) => shares.map(([holder]) => holder)));
    lives.forget((holder) => holders.has(holder), this.#isAlive);
    this.#most = Math.max(HISTORY_LIVES_MIN, 2 * lives.count);
  }
}
