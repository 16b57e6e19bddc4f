import { TRANSACTION_PAUSE_MS_MAX } from "../limits.ts";
import { sleep } from "../clock.ts";
import type { CallOptions } from "./call.ts";
import { XenstoreError } from "./error.ts";
import { Nodes } from "./nodes.ts";
import type { Operations } from "./operations.ts";
import type { Route } from "./route.ts";

/** How {@link Client.transaction} deals with conflicts. */
export interface TransactionOptions extends CallOptions {
  /** How often to try again after EAGAIN; without it, until it succeeds. */
  readonly retries?: number;
}

/** The operations inside one attempt of a transaction. */
export class Transaction extends Nodes {
  /** The daemon's number for this transaction. */
  readonly id: number;

  /**
   * Made by {@link Client.transaction}.
   *
   * @internal
   */
  constructor(route: Route) {
    super(route);
    this.id = route.txId;
  }
}

/** The pause before attempt `attempt` (1 is the first repetition), in milliseconds. */
export function pauseBefore(attempt: number, random: number): number {
  // The first repetition comes at once: one conflict is normal, a second means a crowd.
  return attempt <= 1 ? 0 : Math.min(TRANSACTION_PAUSE_MS_MAX, 2 ** (attempt - 2)) * random;
}

/** Runs `body` in transactions until one commits. See {@link Client.transaction}. */
export async function inTransaction<T>(
  operations: Operations,
  body: (inside: Operations) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const limit = options.retries ?? Infinity;
  for (let attempt = 0;; attempt++) {
    if (attempt > 0) {
      const pause = pauseBefore(attempt, Math.random());
      if (pause > 0) await sleep(operations.session.clock, pause);
      operations.limits?.signal?.throwIfAborted();
    }
    const inside = await operations.begin();
    let result: T;
    try {
      result = await body(inside);
    } catch (error) {
      // The body's error is what the caller must hear, whatever becomes of the abort.
      await inside.unlimited.end(false).catch(() => {});
      throw error;
    }
    try {
      await inside.end(true);
      return result;
    } catch (error) {
      const conflict = error instanceof XenstoreError && error.code === "EAGAIN";
      if (!conflict || attempt >= limit) throw error;
    }
  }
}
