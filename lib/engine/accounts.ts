import type { Ledger } from "../store/ledger.ts";
import { NODE_BYTES } from "./memory_model.ts";
import { DomainCounts } from "./counters.ts";
import { Share } from "./work_meter.ts";

/** What is counted for each domain, now and at its highest, in the units of its quotas. */
export const COUNTED = ["nodes", "watches", "outstanding", "memory", "transactions"] as const;
export type Counted = (typeof COUNTED)[number];

/** What an operator has been told of a domain's memory. */
export interface MemoryReported {
  /** When that was, in ms. */
  at: number;
  /** Whether it is over its soft quota, as far as was told. */
  soft: boolean;
  /** Whether it was refused something because of its quota. */
  hard: boolean;
}

/** What all domains together cost. */
interface Total {
  cost: number;
}

/** One domain's counters. */
export class Account {
  /** Its memory when that was last compared with its quotas, to look only behind a change. */
  memoryLooked = 0;
  /** What the log was told of its memory; null for nothing yet. */
  memoryReported: MemoryReported | null = null;
  readonly now: Record<Counted, number> = zeros();
  readonly peak: Record<Counted, number> = zeros();
  /** What the domain's clients have asked for. */
  readonly counts: DomainCounts = new DomainCounts();
  /** What the requests of the domain's rings have cost. */
  readonly share: Share = new Share();

  #held = 0;
  #pinned = 0;

  constructor(private readonly sum: Total = { cost: 0 }) {}

  add(what: Counted, amount: number): void {
    const value = this.now[what] += amount;
    if (value > this.peak[what]) this.peak[what] = value;
    if (what === "memory") this.sum.cost += amount;
    else if (what === "nodes") this.sum.cost += NODE_BYTES * amount;
  }

  /** Bytes of the memory model beyond those of `memory` and of nodes: watches, transactions, connections. */
  get held(): number {
    return this.#held;
  }

  /** Charges for more of those, or fewer. */
  hold(bytes: number): void {
    this.#held += bytes;
    this.sum.cost += bytes;
  }

  /** Bytes that others have replaced, and the domain's open transactions keep. */
  get pinned(): number {
    return this.#pinned;
  }

  /** Charges for more of those, or fewer. */
  pin(bytes: number): void {
    this.#pinned += bytes;
    this.sum.cost += bytes;
  }

  /** What the domain costs, in bytes of the memory model (memory_model.ts). */
  get cost(): number {
    return this.now.memory + NODE_BYTES * this.now.nodes + this.#held + this.#pinned;
  }

  /** Nodes and memory at once: what nearly every request changes, without looking them up by name. */
  charge(nodes: number, bytes: number): void {
    const { now, peak } = this;
    now.nodes += nodes;
    now.memory += bytes;
    this.sum.cost += bytes + NODE_BYTES * nodes;
    if (now.nodes > peak.nodes) peak.nodes = now.nodes;
    if (now.memory > peak.memory) peak.memory = now.memory;
  }
}

function zeros(): Record<Counted, number> {
  return { nodes: 0, watches: 0, outstanding: 0, memory: 0, transactions: 0 };
}

/** The counters of all domains, exact after every request. */
export class Accounts implements Ledger {
  readonly #accounts = new Map<number, Account>();
  readonly #sum: Total = { cost: 0 };
  /**
   * Entries in nodes' permissions, other than owners', by whom they name: also domids that nobody has,
   * which get no account.
   */
  readonly #mentions = new Map<number, number>();

  /** The account of a domain, made when first asked for. */
  of(domid: number): Account {
    let account = this.#accounts.get(domid);
    if (account === undefined) this.#accounts.set(domid, account = new Account(this.#sum));
    return account;
  }

  /** The account of a domain that has one. */
  known(domid: number): Account | undefined {
    return this.#accounts.get(domid);
  }

  /** What all domains together cost, in bytes of the memory model. */
  get cost(): number {
    return this.#sum.cost;
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

  /** Highest values count again from what is now. */
  resetPeaks(): void {
    for (const account of this.#accounts.values()) Object.assign(account.peak, account.now);
  }

  /** Entries in nodes' permissions, other than owners', that name the domain. */
  mentionsOf(domid: number): number {
    return this.#mentions.get(domid) ?? 0;
  }

  /** All domids that such entries name, in no particular order. */
  mentioned(): number[] {
    return [...this.#mentions.keys()];
  }

  setMentions(domid: number, count: number): void {
    if (count === 0) this.#mentions.delete(domid);
    else this.#mentions.set(domid, count);
  }

  /** Forgets a dead domain, so that the next one of its domid starts at nothing (XSA-483). */
  drop(domid: number): void {
    this.#sum.cost -= this.#accounts.get(domid)?.cost ?? 0;
    this.#accounts.delete(domid);
    this.#mentions.delete(domid);
  }

  charge(domid: number, nodes: number, bytes: number): void {
    this.of(domid).charge(nodes, bytes);
  }

  mention(domid: number, count: number): void {
    this.setMentions(domid, this.mentionsOf(domid) + count);
  }
}

/** What a domain's counters would change by. */
interface Charge {
  readonly domid: number;
  nodes: number;
  bytes: number;
}

/** Changes held back until a commit is sure. */
export class PendingAccounts implements Ledger {
  /** Most transactions change nodes of one owner. */
  #first: Charge | null = null;
  #others: Map<number, Charge> | null = null;
  #mentions: Map<number, number> | null = null;

  charge(domid: number, nodes: number, bytes: number): void {
    const pending = this.#chargeOf(domid);
    if (pending !== undefined) {
      pending.nodes += nodes;
      pending.bytes += bytes;
    } else if (this.#first === null) this.#first = { domid, nodes, bytes };
    else (this.#others ??= new Map()).set(domid, { domid, nodes, bytes });
  }

  #chargeOf(domid: number): Charge | undefined {
    const first = this.#first;
    return first !== null && first.domid === domid ? first : this.#others?.get(domid);
  }

  mention(domid: number, count: number): void {
    const mentions = this.#mentions ??= new Map();
    mentions.set(domid, (mentions.get(domid) ?? 0) + count);
  }

  /** How many nodes more `domid` would own. */
  nodesOf(domid: number): number {
    return this.#chargeOf(domid)?.nodes ?? 0;
  }

  /** Every domid whose count of nodes would rise. */
  *risen(): Generator<number> {
    for (const { domid, nodes } of this.#charges()) if (nodes > 0) yield domid;
  }

  /** Makes the changes real. */
  applyTo(ledger: Ledger): void {
    const first = this.#first;
    if (first !== null) ledger.charge(first.domid, first.nodes, first.bytes);
    if (this.#others !== null) {
      for (const { domid, nodes, bytes } of this.#others.values()) {
        ledger.charge(domid, nodes, bytes);
      }
    }
    if (this.#mentions !== null) {
      for (const [domid, count] of this.#mentions) ledger.mention(domid, count);
    }
  }

  *#charges(): Generator<Charge> {
    if (this.#first !== null) yield this.#first;
    if (this.#others !== null) yield* this.#others.values();
  }
}
