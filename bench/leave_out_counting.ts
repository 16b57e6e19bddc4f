import { DomainCounts } from "../lib/engine/counters.ts";
import { TurnTimes } from "../lib/server/loop/turn_times.ts";

/** From now on nothing of requests is counted, and nothing of turns measured: to be called before any code has run. */
export function leaveOutCounting(): void {
  const nothing = (): void => {};
  Object.assign(TurnTimes.prototype, {
    begin: nothing,
    cost: nothing,
    late: nothing,
    served: nothing,
    committed: nothing,
    answered: nothing,
    maintained: nothing,
  });
  Object.assign(DomainCounts.prototype, { request: nothing });
}
