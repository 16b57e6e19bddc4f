import { isAlive, type RingState } from "../engine/domain_control.ts";
import type { Domain } from "../engine/domains.ts";
import type { Connection } from "../engine/connection.ts";
import type { State } from "../engine/state.ts";
import { Transaction } from "../engine/transaction.ts";
import { OK } from "../wire/errors.ts";
import type { DomainState, HeldState } from "./changes.ts";
import { type Aside, recordBytes } from "./caution.ts";
import { ConnectionRecord, type Restorer, setQuotas } from "./restore.ts";

/** What became of the domains that the last life of the daemon knew. */
export interface Revival {
  /** Rings that go on as if nothing had happened. */
  readonly rings: number;
  /** Domains that died meanwhile: to be buried once the journal records again. */
  readonly dead: readonly Domain[];
  /** Sockets that go on, too. */
  readonly sockets: number;
  /** Those that nobody has held: to be forgotten then, too. */
  readonly lost: readonly HeldState[];
  /** What was set aside, to be forgotten then, too. */
  readonly aside: readonly Aside[];
  /** All of the store may have changed without anybody having heard of it. */
  readonly unheard: boolean;
}

/** The connected sockets that were held for us meanwhile. */
export interface HeldConnections {
  /**
   * Takes a connection up again at the very byte where the last life stopped; null when it is not
   * there.
   */
  reopen(held: HeldState, ring: RingState): Connection | null;
}

/** Brings back what had connections: the domains with their rings, and the held sockets. */
export function reviveAll(
  state: State,
  restorer: Restorer,
  held: HeldConnections | undefined,
  asideBytes = Infinity,
): Revival {
  const { aside, dead, rings } = reviveDomains(state, restorer, asideBytes);
  const lost: HeldState[] = [];
  let sockets = 0;
  for (const record of restorer.records) {
    if (record.held === null) continue;
    const { held: was, ring } = record;
    const connection = held?.reopen(was, ring ?? unused(was.key)) ?? null;
    if (connection === null) {
      lost.push(was);
    } else {
      giveBack(state, connection, record);
      sockets++;
    }
  }
  return { aside, dead, lost, rings, sockets, unheard: restorer.unheard };
}

/**
 * Gives the domains their records back, their rings, watches and open transactions. A domain
 * that is gone, or whose domid somebody else has by now, is left for burial (XSA-322).
 */
function reviveDomains(
  state: State,
  restorer: Restorer,
  asideBytes: number,
): Pick<Revival, "aside" | "dead" | "rings"> {
  const dead: Domain[] = [];
  const aside: Aside[] = [];
  let rings = 0;
  for (const was of restorer.domains.values()) {
    const domain = reviveRecord(state, was);
    if (!isStillThere(state, was)) dead.push(domain);
    else if (was.hasRing) {
      const record = restorer.recordOf(was.domid);
      const bytes = was.domid === state.privDomid ? 0 : recordBytes(record);
      if (bytes > asideBytes) {
        const set = setAside(state, domain, record, bytes);
        if (set !== null) aside.push(set);
      } else if (reviveRing(state, domain, record)) rings++;
    }
  }
  return { aside, rings, dead };
}

function reviveRecord(state: State, was: DomainState): Domain {
  const { domid, features, introduced, port, shutdownSeen, target, uniqueId } = was;
  const domain = state.domains.get(domid) ?? state.domains.add(domid, uniqueId);
  Object.assign(domain, { introduced, target, features, shutdownSeen, port });
  setQuotas(domain, was.quotas);
  return domain;
}

function isStillThere(state: State, was: DomainState): boolean {
  if (was.domid === state.privDomid) return true;
  const info = state.control.info(was.domid);
  return isAlive(info) && info.uniqueId === was.uniqueId;
}

/** Before its first request a connection has no state of its own. */
function unused(key: number): RingState {
  const nothing = new Uint8Array(0);
  return {
    key,
    requestsTaken: 0,
    partial: nothing,
    responsesEnd: 0,
    responses: nothing,
    unsent: 0,
    afresh: true,
    ignored: false,
  };
}

/** Takes a ring up without what its guest had; the guest finds why in its page's error word. */
function setAside(
  state: State,
  domain: Domain,
  { ring, transactions, watches }: ConnectionRecord,
  bytes: number,
): Aside | null {
  const was = ring ?? unused(domain.domid);
  const { partial, responses } = unused(domain.domid);
  const record = new ConnectionRecord();
  record.ring = { ...was, partial, responses, unsent: 0, ignored: true };
  for (const [id, transaction] of transactions) record.transactions.set(id, transaction);
  if (!reviveRing(state, domain, record)) return null;
  const connection = domain.connection!;
  state.control.refuse?.(connection);
  return { connection, watches, transactions: transactions.size, bytes };
}

function reviveRing(state: State, domain: Domain, record: ConnectionRecord): boolean {
  const { domid, port } = domain;
  const connection = state.connectRing(domid);
  const error = state.control.reopen?.(connection, port, record.ring ?? unused(domid));
  if (error !== OK) {
    state.disconnect(connection);
    state.log("warning", `domain ${domid}: its ring could not be taken up again`);
    return false;
  }
  domain.connection = connection;
  giveBack(state, connection, record);
  return true;
}

/** Gives a connection back its watches, and its transactions, which are lost. */
function giveBack(state: State, connection: Connection, record: ConnectionRecord): void {
  connection.transactionIdLast = record.transactionIdLast;
  for (const [id, { generation, wrote }] of record.transactions) {
    const transaction = new Transaction(id, connection, 0, state.tree);
    transaction.lost = true;
    transaction.wrote = wrote;
    // Generations that were counted but stand in no node are given again.
    transaction.generation = Math.min(generation, state.versions.generation);
    state.addTransaction(transaction);
  }
  for (const { path, token, relative, depth } of record.watches.values()) {
    state.addWatch(connection, path, token, relative, depth);
  }
}
