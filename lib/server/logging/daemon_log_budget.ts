import type { Clock } from "../../clock.ts";
import { LogBudget } from "../../engine/domain_log_budget.ts";
import { LOG_LINES_BURST, LOG_LINES_PER_SECOND } from "../../limits.ts";
import type { Log } from "./log.ts";

/**
 * A log for one part of the daemon, with a budget of its own: what that part says may come as
 * often as a client wants, but no domain can be told to cause it. A disk that has room for short
 * writes and none for long ones is full and is not, many times a second.
 */
export function budgeted(log: Log, clock: Clock): Log {
  const budget = new LogBudget(LOG_LINES_BURST, LOG_LINES_PER_SECOND);
  return (level, text) => {
    const left = budget.take(clock.now());
    if (left !== null) log(level, `${text}${left}`);
  };
}
