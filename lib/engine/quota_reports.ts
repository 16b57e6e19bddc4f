import { QUOTA_REPORT_MS } from "../limits.ts";
import type { Account } from "./accounts.ts";
import { cutForLog } from "./domain_log_budget.ts";
import type { QuotaName } from "./quotas.ts";

/** Takes the lines for the operator, each at a domain's expense. */
interface Teller {
  tell(level: "warning", domid: number, now: number, text: () => string): void;
}

/** A request that a quota refuses. */
export interface Refusal {
  readonly domid: number;
  readonly quota: QuotaName;
  readonly limit: number;
  /** What the domain, or the node, would have come to. */
  readonly value: number;
  /** The node whose size it is; empty where the quota is not one of nodes. */
  readonly path: string;
}

/**
 * Tells the operator which quota refuses a guest's requests: the guest sees ENOSPC for most of
 * them, and the one that it comes to first is often not the one that is thought of (the names of its
 * children count for a node's size).
 */
export class QuotaReports {
  constructor(private readonly teller: Teller) {}

  /** Tells of a refusal, unless one of that domain and quota was told a moment ago. */
  refused(account: Account, refusal: Refusal, now: number): void {
    const reported = account.quotasReported ??= new Map();
    const at = reported.get(refusal.quota);
    if (at !== undefined && now - at < QUOTA_REPORT_MS) return;
    reported.set(refusal.quota, now);
    this.teller.tell("warning", refusal.domid, now, () => textOf(refusal));
  }
}

function textOf({ domid, limit, path, quota, value }: Refusal): string {
  const subject = `domain ${domid}: quota ${quota} of ${limit} refuses ${value}`;
  if (path === "") return subject;
  return `${subject} for ${cutForLog(path)} (its value, permissions and its children's names)`;
}
