import { MessageType } from "../wire/message_type.ts";
import { ERROR_NAMES, type ErrorCode } from "../wire/errors.ts";
import { ConflictPairs } from "./conflict_pairs.ts";
import { Histogram } from "./histogram.ts";
import { LastMinute } from "./last_minute.ts";
import type { QuotaName } from "./quotas.ts";

/** All types of requests that there are have a smaller one; the others are counted together, as this. */
export const OTHER_TYPE: number = MessageType.SET_QUOTA + 1;

/**
 * What one domain's clients have asked for and what came of it, since the domain became known: part of its
 * account, with which it goes.
 */
export class DomainCounts {
  /** By message type and then by error code; missing where there was none. */
  readonly requests: (number[] | undefined)[] = [];
  /** Watch events that its watches fired, but for the one behind each registration. */
  events = 0;
  /** Transactions that changed something, and were committed. */
  commits = 0;
  /** Its commits that were refused because of what others changed. */
  conflictsSuffered = 0;
  /** Commits that were refused because of what it changed; those of the daemon's own changes are the privileged domain's. */
  conflictsCaused = 0;
  /** Requests that each quota has refused; null for none. */
  refusals: Map<QuotaName, number> | null = null;

  /** A request was answered. */
  request(type: number, error: ErrorCode): void {
    const at = type < OTHER_TYPE ? type : OTHER_TYPE;
    const row = this.requests[at] ??= new Array(ERROR_NAMES.length + 1).fill(0);
    row[error]!++;
  }

  /** A quota has refused a request; returns how many it has by now. */
  refused(quota: QuotaName): number {
    const count = (this.refusals?.get(quota) ?? 0) + 1;
    (this.refusals ??= new Map()).set(quota, count);
    return count;
  }
}

/** What is counted of the daemon as a whole, always: to count makes nothing, and all of it is bounded. */
export class Counters {
  /** Requests answered. */
  requests = 0;
  /** How long turns took, from their begin until their answers had left. */
  readonly turns: Histogram = new Histogram();
  /** How long the journal took to make a turn durable. */
  readonly commits: Histogram = new Histogram();
  /**
   * How long clients waited for answers: from the begin of the turn in which a request was first there, to
   * the end of the turn that answered it. Of those that waited over several turns the last one does not count.
   */
  readonly waits: Histogram = new Histogram();
  readonly lastMinute: LastMinute = new LastMinute(this);
  readonly conflicts: ConflictPairs = new ConflictPairs();
}
