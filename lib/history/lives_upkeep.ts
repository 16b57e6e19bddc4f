/** Keeps the shares of domains (lives.ts) up to date. */
import { HISTORY_LIVES_MIN, HISTORY_LONG_LIFE_MICROSECONDS } from "../limits.ts";
import type { History } from "./history.ts";
import type { IsAlive } from "./lives.ts";

/** A new domain, with the first and the last time of the blocks that have records of it. */
interface NewDomain {
  readonly holder: string;
  readonly since: number;
  until: number;
}

/** Finds new domains in closed blocks and ended ones through the daemon, and notes both in {@link Lives}. */
export class LivesUpkeep {
  readonly #history: History;
  readonly #isAlive: IsAlive;
  /** The first block that was not searched for new domains. */
  #next = 0;
  /** With more domains than this, those without records are forgotten. */
  #most = HISTORY_LIVES_MIN;

  constructor(history: History, isAlive: IsAlive) {
    this.#history = history;
    this.#isAlive = isAlive;
  }

  /** Notes what is new at time `now`; false when there is nothing new, or it cannot be written. */
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

  /** Unknown domains of closed blocks, the oldest first. */
  #newDomains(): NewDomain[] {
    const { blocks: { heads }, growing, lives } = this.#history;
    const found = new Map<string, NewDomain>();
    const from = heads.findLastIndex(({ block }) => block < this.#next) + 1;
    for (const { block, fromAt, shares, toAt } of heads.slice(from)) {
      if (block >= growing) break;
      for (const holder of shares.holders) {
        const known = found.get(holder);
        if (known !== undefined) known.until = toAt;
        else if (!lives.knows(holder)) found.set(holder, { holder, since: fromAt, until: toAt });
      }
    }
    return [...found.values()];
  }

  #forget(): void {
    const { blocks: { heads }, lives } = this.#history;
    const holders = new Set(heads.flatMap(({ shares }) => shares.holders));
    lives.forget((holder) => holders.has(holder), this.#isAlive);
    this.#most = Math.max(HISTORY_LIVES_MIN, 2 * lives.count);
  }
}
