import {
  ALL_QUOTA_LINES_BURST,
  ALL_QUOTA_LINES_PER_SECOND,
  QUOTA_LINES_BURST,
  QUOTA_LINES_PER_SECOND,
} from "../limits.ts";
import { ROOT_PATH } from "../store/path.ts";
import { escapeBytes } from "../wire/escape.ts";
import type { Account } from "./accounts.ts";
import { cutForLog, DomainLogBudgets } from "./domain_log_budget.ts";
import type { QuotaName } from "./quotas.ts";

/** A request that a quota refuses. */
export interface Refusal {
  readonly domid: number;
  readonly quota: QuotaName;
  readonly limit: number;
  /** What the domain, the node or the transaction would have come to. */
  readonly value: number;
  /** What the request is about; empty for no node. */
  readonly path: string;
  /** Of a node's size: how much of the path leads to that node, which may be above. */
  readonly length: number;
  /** Of memory by the memory model: how much is allowed. */
  readonly most?: number;
}

/** A budget for these lines alone: a guest that is refused all the time hides no other warning about it. */
const RATES = {
  burst: QUOTA_LINES_BURST,
  perSecond: QUOTA_LINES_PER_SECOND,
  allBurst: ALL_QUOTA_LINES_BURST,
  allPerSecond: ALL_QUOTA_LINES_PER_SECOND,
};

/**
 * Counts the requests that quotas refuse, and tells the operator which quota it was: the guest sees ENOSPC for most
 * of them, and the one that it comes to first is often not the one that is thought of (the names of its
 * children count for a node's size).
 */
export class QuotaReports {
  readonly #log: (level: "warning", text: string) => void;
  readonly #budgets: DomainLogBudgets;
  readonly #nameOf: (domid: number) => string;

  /** `nameOf` tells what a line calls a domain. */
  constructor(
    log: (level: "warning", text: string) => void,
    privDomid: number,
    nameOf: (domid: number) => string,
  ) {
    this.#log = log;
    this.#budgets = new DomainLogBudgets(privDomid, RATES);
    this.#nameOf = nameOf;
  }

  /** A request was refused at `now`, in ms. */
  refused(account: Account, refusal: Refusal, now: number): void {
    const { domid, limit, path, quota } = refusal;
    const count = account.counts.refused(quota);
    const left = this.#budgets.take("warning", domid, now);
    if (left === null) return;
    const what = path === "" ? "a request" : pathText(path);
    const times = count === 1 ? "the first time" : `${count} times so far`;
    const subject = `${this.#nameOf(domid)}: quota ${quota} of ${limit} refuses ${what}`;
    this.#log("warning", `${subject}: ${reason(refusal)}; ${times}${left}`);
  }
}

function pathText(path: string): string {
  return cutForLog(escapeBytes(path));
}

function reason({ length, most, path, quota, value }: Refusal): string {
  switch (quota) {
    case "node-size": {
      const parent = path.slice(0, length) || ROOT_PATH;
      const node = length === path.length ? "it" : `the directory ${pathText(parent)}`;
      return `${node} would have ${value} bytes (its value, permissions and its children's names)`;
    }
    case "node-permissions":
      return `it would have ${value} permissions`;
    case "path-max":
      return `the path has ${value} characters`;
    case "transaction-nodes":
      return `the transaction would touch ${value} nodes`;
    case "transactions":
      return `the domain would have ${value} open transactions`;
    case "memory":
      if (most === undefined) return `the domain would have ${value} bytes`;
      return `the domain would take ${value} bytes with all that its watches and transactions need, ` +
        `and may take ${most}`;
    default:
      return `the domain would have ${value} ${quota}`;
  }
}
