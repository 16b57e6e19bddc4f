import { DirtyNodes } from "../store/dirty_nodes.ts";
import type { Connection } from "./connection.ts";
import type { Domain } from "./domains.ts";
import { type Meter, TEXT_SHIFT } from "./meter.ts";
import type { Transaction } from "./transaction.ts";
import type { Watch } from "./watch.ts";

/** What a connection that outlives the process is known by. */
export type KeyedConnection = Pick<Connection, "domid" | "key" | "label">;

/** About what a record of anything but a node takes, without its texts; in units of the meter. */
const UNITS_PER_RECORD = 10;

/**
 * What has to survive the process and changed since the last {@link clear}: the journal writes each
 * thing down once, as it is at the end of the turn. What came and went since then leaves nothing.
 */
export class Dirty {
  readonly nodes: DirtyNodes = new DirtyNodes();
  /** Paths of specials. */
  readonly specials: Set<string> = new Set();
  /** Domids of domains that are known. */
  readonly domains: Set<number> = new Set();
  /** Domids of domains that were known, and of which nothing counts any more. */
  readonly domainsGone: Set<number> = new Set();
  /** Sockets' connections that outlive the process. */
  readonly held: Set<KeyedConnection> = new Set();
  /** Keys of such connections that have ended. */
  readonly heldGone: Set<number> = new Set();
  /** Watches that were registered, in that order. */
  readonly watches: Set<Watch> = new Set();
  /** Watches that were dropped and had been registered before. */
  readonly unwatched: Watch[] = [];
  /** Transactions that started (true), changed something for the first time, or ended. */
  readonly transactions: Map<Transaction, boolean> = new Map();
  /** Connections whose transactions have started and ended: their ids must not be given again. */
  readonly idsGiven: Set<Connection> = new Set();
  /** The quotas of domains yet to come have changed. */
  quotas = false;
  /** Names of settings. */
  readonly settings: Set<string> = new Set();
  #meter: Meter | null = null;
  #any = false;

  /** From now on `meter` is charged with what it will take to write down what changed. */
  attach(meter: Meter): void {
    this.#meter = meter;
    this.nodes.meter = meter;
  }

  get isEmpty(): boolean {
    return !this.#any && this.nodes.isEmpty;
  }

  /** As in most turns. */
  get isNodesOnly(): boolean {
    return !this.#any;
  }

  #mark(bytes: number): void {
    this.#any = true;
    this.#meter?.add(UNITS_PER_RECORD + (bytes >> TEXT_SHIFT));
  }

  /** A special, of which the permissions changed. */
  special(path: string): void {
    this.specials.add(path);
    this.#mark(0);
  }

  /** A domain that became known, or of which something changed. */
  domain(domain: Domain): void {
    this.domains.add(domain.domid);
    this.#mark(0);
  }

  /** A domain that nobody knows any more. */
  domainGone(domid: number): void {
    this.domains.delete(domid);
    this.domainsGone.add(domid);
    this.#mark(0);
  }

  /** A socket's connection that outlives this process, which came (`open`) or has ended. */
  connection(connection: KeyedConnection, open: boolean): void {
    const wasNew = this.held.delete(connection);
    if (open) this.held.add(connection);
    else if (!wasNew) this.heldGone.add(connection.key);
    this.#mark(0);
  }

  /** A watch that was registered, or dropped. */
  watch(watch: Watch, registered: boolean): void {
    if (watch.connection.key < 0) return;
    if (registered) this.watches.add(watch);
    else if (!this.watches.delete(watch)) this.unwatched.push(watch);
    this.#mark(watch.path.length + watch.token.length);
  }

  /** A transaction that started, changed something for the first time, or ended. */
  transaction(transaction: Transaction, step: "started" | "wrote" | "ended"): void {
    const { connection } = transaction;
    if (connection.key < 0) return;
    if (step !== "ended") {
      if (!this.transactions.has(transaction)) {
        this.transactions.set(transaction, step === "started");
      }
    } else if (this.transactions.get(transaction) === true) {
      this.transactions.delete(transaction);
      this.idsGiven.add(connection);
    } else {
      this.transactions.set(transaction, false);
    }
    this.#mark(0);
  }

  /** The quotas of domains yet to come. */
  defaultQuotas(): void {
    this.quotas = true;
    this.#mark(0);
  }

  /** What CONTROL has set in the daemon. */
  setting(name: string): void {
    this.settings.add(name);
    this.#mark(0);
  }

  /** All of it is written down. */
  clear(): void {
    this.nodes.clear();
    if (!this.#any) return;
    this.#any = false;
    this.specials.clear();
    this.domains.clear();
    this.domainsGone.clear();
    this.held.clear();
    this.heldGone.clear();
    this.watches.clear();
    this.unwatched.length = 0;
    this.transactions.clear();
    this.idsGiven.clear();
    this.quotas = false;
    this.settings.clear();
  }
}
