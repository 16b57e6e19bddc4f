import type { Connection } from "../engine/connection.ts";
import { isAlive } from "../engine/domain_control.ts";
import type { RingState } from "../state/ring_state.ts";
import type { Domain } from "../engine/domains.ts";
import { watchOverhead } from "../engine/memory_model.ts";
import type { State } from "../engine/state.ts";
import { Transaction } from "../engine/transaction.ts";
import { loadDomain, setQuotas } from "./domain_records.ts";
import { RESTORED } from "../state/checked_records.ts";
import type * as records from "../state/records.ts";
import type { Holding, StoreRecords } from "../state/store_records.ts";
import { newNode, NO_VALUE } from "../store/node.ts";
import { canonicalPath } from "../store/path.ts";

/** How a store is built: what is asked of the world around it. */
export interface BuildOptions {
  /**
   * Whether the hypervisor is asked for each domain if it is still the one of the records, after a time in
   * which nobody has looked (XSA-322). Those that are not are left to be released.
   */
  readonly asksDomains: boolean;
  /**
   * Connects a domain's ring, for which the engine has just made `connection`; false where that fails, or
   * is not tried.
   */
  readonly openRing: (
    connection: Connection,
    record: records.Connection,
    domain: Domain,
  ) => boolean;
  /** Takes a socket's connection up again; null where there is none. */
  readonly openSocket: (record: records.Connection) => Connection | null;
  /**
   * Bytes of one guest's watches and unsent answers, by the memory model, beyond which they are not built
   * [Infinity]: the guest's ring is then ignored.
   */
  readonly guestBytesMax?: number;
}

/** What a guest had, where it was not built. */
export interface LeftOut {
  readonly connection: Connection;
  readonly watches: ReadonlyMap<string, records.Watch>;
  readonly transactions: number;
  readonly bytes: number;
}

/** What has become of domains and connections. */
export interface Built {
  readonly rings: number;
  readonly sockets: number;
  /** Domains that are gone: to be released once the journal records. */
  readonly dead: readonly Domain[];
  /** Sockets that are gone: to be forgotten then. */
  readonly lost: readonly records.Connection[];
  /** To be forgotten then. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Makes a state of checked records: specials, quotas, settings, domains and connections with all that they
 * hold; its tree has its nodes already, or gets them by `adoptTree`. Nothing is marked for the journal.
 */
export function build(state: State, all: StoreRecords, options: BuildOptions): Built {
  for (const special of all.specials.values()) buildSpecial(state, special);
  if (all.quota !== null) setQuotas(state.domains.quotas, all.quota.domain);
  for (const setting of all.settings.values()) state.settings.load(setting);
  return new Builder(state, all, options).build();
}

/** Gives a special the permissions that it had; one that this store does not know is left out. */
export function buildSpecial(state: State, special: records.Special): void {
  const { generation, path, perms } = special, { versions } = state;
  const before = state.specials.get(path);
  if (before === undefined) return;
  state.chargeSpecial(path, before.perms, -1);
  const node = newNode(path, 0, 0, perms);
  node.generation = generation || versions.generation + 1;
  node.origin = RESTORED;
  versions.generation = Math.max(versions.generation, node.generation);
  state.specials.set(path, node);
  state.chargeSpecial(path, perms, 1);
}

/**
 * Gives a connection that has just been made its watches and its open transactions. What these did is not
 * known to this store as its own doing, so they end in EAGAIN.
 */
export function attach(state: State, connection: Connection, holding: Holding): void {
  const { record, transactions, watches } = holding;
  let last = record.transactionIdLast ?? 0;
  for (const { generation, id, wrote } of transactions.values()) {
    last = Math.max(last, id);
    if (connection.transactions.has(id)) continue;
    const transaction = new Transaction(id, connection, 0, state.tree);
    transaction.lost = true;
    transaction.wrote = wrote;
    // Generations that were counted but stand in no node are given again.
    if (generation !== null) {
      transaction.generation = Math.min(generation, state.versions.generation);
    }
    state.addTransaction(transaction);
  }
  for (const { depth, path, token } of watches.values()) {
    const canonical = canonicalPath(path, connection.home, true)!;
    if (connection.watches.has(`${canonical}\0${token}`)) continue;
    const relative = canonical.length !== path.length;
    state.addWatch(connection, canonical, token, relative, Number.isFinite(depth) ? depth : -1);
  }
  connection.transactionIdLast = Math.max(connection.transactionIdLast, last);
}

/** A connection's position and what is on its way, as rings and held sockets take it. */
export function ringStateOf(record: records.Connection): RingState {
  const { id, ignored, input, output, position } = record;
  return {
    key: id,
    requestsTaken: position?.requestsTaken ?? 0,
    partial: input,
    responsesEnd: position?.responsesEnd ?? 0,
    responses: output,
    unsent: position?.unsent ?? 0,
    reset: true,
    ignored,
  };
}

class Builder {
  readonly #state: State;
  readonly #all: StoreRecords;
  readonly #options: BuildOptions;
  readonly #rings: ReadonlyMap<number, Holding>;
  readonly #dead: Domain[] = [];
  readonly #leftOut: LeftOut[] = [];

  constructor(state: State, all: StoreRecords, options: BuildOptions) {
    this.#state = state;
    this.#all = all;
    this.#options = options;
    this.#rings = all.rings();
  }

  build(): Built {
    const comparable = this.#options.asksDomains || this.#areComparable();
    let rings = 0, sockets = 0;
    for (const record of this.#all.domains.values()) {
      const domain = this.#domain(record, comparable);
      const ring = this.#rings.get(domain.domid);
      if (this.#options.asksDomains && !this.#isStillThere(domain)) this.#dead.push(domain);
      else if (ring !== undefined && this.#ring(domain, ring)) rings++;
    }
    const lost: records.Connection[] = [];
    for (const holding of this.#all.connections.values()) {
      const { record } = holding;
      if (record.end.kind !== "socket") continue;
      const connection = this.#options.openSocket(record);
      if (connection === null) lost.push(record);
      else {
        attach(this.#state, connection, holding);
        sockets++;
      }
    }
    return { rings, sockets, dead: this.#dead, lost, leftOut: this.#leftOut };
  }

  /**
   * Whether the records' unique ids are of the kind that this daemon's hypervisor tells: Xen's own, or
   * made from UUIDs. The numbers do not say; but the domain that the daemon runs in was there all the
   * time, so where its id is another one, so are all.
   */
  #areComparable(): boolean {
    const state = this.#state;
    for (const domid of [state.storeDomid, state.privDomid]) {
      const recorded = this.#all.domains.get(domid)?.uniqueId ?? null;
      if (recorded !== null) return recorded === state.control.info(domid)?.uniqueId;
    }
    return true;
  }

  /**
   * The id by which a domain must be known. One that can be compared stays, so that a domain that was
   * replaced meanwhile is found to be gone (XSA-322). One that cannot would release domains that live: then it
   * is who is there now. Between two daemons in one process that is a matter of a second, in which Xen
   * does not come back to a domid; what died in it is not there, and keeps the id told.
   */
  #uniqueId({ domid, uniqueId }: records.Domain, comparable: boolean): bigint {
    if (uniqueId !== null && comparable) return uniqueId;
    return this.#state.control.info(domid)?.uniqueId ?? uniqueId ?? 0n;
  }

  #domain(record: records.Domain, comparable: boolean): Domain {
    const { domid, introduced } = record, { domains, privDomid } = this.#state;
    const domain = domains.get(domid) ??
      domains.add(domid, this.#uniqueId(record, comparable));
    domain.introduced = introduced ?? (this.#rings.has(domid) || domid === privDomid);
    loadDomain(domain, record, this.#options.asksDomains);
    return domain;
  }

  #isStillThere({ domid, uniqueId }: Domain): boolean {
    if (domid === this.#state.privDomid) return true;
    const info = this.#state.control.info(domid);
    return isAlive(info) && info.uniqueId === uniqueId;
  }

  #ring(domain: Domain, holding: Holding): boolean {
    const { guestBytesMax = Infinity } = this.#options;
    const bytes = domain.domid === this.#state.privDomid ? 0 : bytesOf(holding);
    if (bytes <= guestBytesMax) return this.#openRing(domain, holding);
    this.#leaveOut(domain, holding, bytes);
    return false;
  }

  #openRing(domain: Domain, holding: Holding): boolean {
    const state = this.#state;
    const connection = state.connectRing(domain.domid);
    domain.connection = connection;
    if (!this.#options.openRing(connection, holding.record, domain)) {
      state.disconnect(connection);
      domain.connection = null;
      return false;
    }
    attach(state, connection, holding);
    return true;
  }

  /** Takes a ring up without what its guest had; the guest finds why in its page's error word. */
  #leaveOut(domain: Domain, { record, transactions, watches }: Holding, bytes: number): void {
    const empty = { input: NO_VALUE, output: NO_VALUE, partialResponse: 0 };
    const position = record.position === null ? null : { ...record.position, unsent: 0 };
    const without = { ...record, ...empty, ignored: true, position };
    if (!this.#openRing(domain, { record: without, watches: new Map(), transactions })) return;
    const connection = domain.connection!;
    this.#state.control.refuse?.(connection);
    this.#leftOut.push({ connection, watches, transactions: transactions.size, bytes });
  }
}

/** What a guest's watches and unsent answers would take. */
function bytesOf({ record, watches }: Holding): number {
  let bytes = record.output.length;
  for (const { path, token } of watches.values()) {
    bytes += path.length + token.length + watchOverhead(path);
  }
  return bytes;
}
