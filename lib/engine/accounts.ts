import type { Ledger } from "../store/draft.ts";

/** What is counted for each domain, now and at its highest, in the units of its quotas. */
export const COUNTED = ["nodes", "watches", "outstanding", "memory", "transactions"] as const;
export type Counted = (typeof COUNTED)[number];

/** One domain's counters. */
export class Account {
  readonly now: Record<Counted, number> = zeros();
  readonly peak: Record<Counted, number> = zeros();
  /** Entries in nodes' permissions, other than owners', that name the domain. */
  mentions = 0;

  add(what: Counted, amount: number): void {
    const value = this.now[what] += amount;
    if (value > this.peak[what]) this.peak[what] = value;
  }
}

function zeros(): Record<Counted, number> {
  return { nodes: 0, watches: 0, outstanding: 0, memory: 0, transactions: 0 };
}

/** The counters of all domains, exact after every request. */
export class Accounts implements Ledger {
  readonly #accounts = new Map<number, Account>();

  /** The account of a domain, made when first asked for. */
  of(domid: number): Account {
    let account = this.#accounts.get(domid);
    if (account === undefined) this.#accounts.set(domid, account = new Account());
    return account;
  }

  /** All domids that have an account, in no particular order. */
  domids(): number[] {
    return [...this.#accounts.keys()];
  }

  /** The highest value any domain but the privileged one has come to. */
  highest(what: Counted, privDomid: number): number {
    let highest = 0;
    for (const [domid, account] of this.#accounts) {
      if (domid !== privDomid) highest = Math.max(highest, account.peak[what]);
    }
    return highest;
  }

  /** The sum over all domains. */
  total(what: Counted): number {
    let total = 0;
    for (const account of this.#accounts.values()) total += account.now[what];
    return total;
  }

  /** Highest values count anew from what is now. */
  resetPeaks(): void {
    for (const account of this.#accounts.values()) Object.assign(account.peak, account.now);
  }

  /** Forgets a dead domain, so that the next one of its domid starts at nothing (XSA-483). */
  drop(domid: number): void {
    this.#accounts.delete(domid);
  }

  charge(domid: number, nodes: number, bytes: number): void {
    const account = this.of(domid);
    if (nodes !== 0) account.add("nodes", nodes);
    account.add("memory", bytes);
  }

  mention(domid: number, count: number): void {
    this.of(domid).mentions += count;
  }
}

/** Changes held back until a commit is sure. */
export class PendingAccounts implements Ledger {
  readonly #charges = new Map<number, { nodes: number; bytes: number }>();
  readonly #mentions = new Map<number, number>();

  charge(domid: number, nodes: number, bytes: number): void {
    const pending = this.#charges.get(domid);
    if (pending === undefined) this.#charges.set(domid, { nodes, bytes });
    else {
      pending.nodes += nodes;
      pending.bytes += bytes;
    }
  }

  mention(domid: number, count: number): void {
    this.#mentions.set(domid, (this.#mentions.get(domid) ?? 0) + count);
  }

  /** How many nodes more `domid` would own. */
  nodesOf(domid: number): number {
    return this.#charges.get(domid)?.nodes ?? 0;
  }

  /** Every domid whose count of nodes would rise. */
  *risen(): Generator<number> {
    for (const [domid, { nodes }] of this.#charges) if (nodes > 0) yield domid;
  }

  /** Makes the changes real. */
  applyTo(ledger: Ledger): void {
    for (const [domid, { nodes, bytes }] of this.#charges) ledger.charge(domid, nodes, bytes);
    for (const [domid, count] of this.#mentions) ledger.mention(domid, count);
  }
}
