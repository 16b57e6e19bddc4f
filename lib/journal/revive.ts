import { DOMAIN_DEAD, DOMAIN_EXISTS, type RingState } from "../engine/domain_control.ts";
import type { Domain } from "../engine/domains.ts";
import type { State } from "../engine/state.ts";
import { Transaction } from "../engine/transaction.ts";
import { OK } from "../wire/errors.ts";
import type { DomainState } from "./changes.ts";
import { type Restorer, type RingRecord, setQuotas } from "./restore.ts";

/** What became of the domains that the last life of the daemon knew. */
export interface Revival {
  /** Rings that go on as if nothing had happened. */
  readonly rings: number;
  /** Domains that died meanwhile: to be buried once the journal records again. */
  readonly dead: readonly Domain[];
}

/**
 * Gives the domains their records back, their rings, watches and open transactions. A domain
 * that is gone, or whose domid somebody else has by now, is left for burial (XSA-322).
 */
export function reviveDomains(state: State, restorer: Restorer): Revival {
  const dead: Domain[] = [];
  let rings = 0;
  for (const was of restorer.domains.values()) {
    const domain = reviveRecord(state, was);
    if (!isAlive(state, was)) dead.push(domain);
    else if (was.hasRing && reviveRing(state, domain, restorer.recordOf(was.domid))) rings++;
  }
  return { rings, dead };
}

function reviveRecord(state: State, was: DomainState): Domain {
  const { domid, features, introduced, port, shutdownSeen, target, uniqueId } = was;
  const domain = state.domains.get(domid) ?? state.domains.add(domid, uniqueId);
  Object.assign(domain, { introduced, target, features, shutdownSeen, port });
  setQuotas(domain, was.quotas);
  return domain;
}

function isAlive(state: State, was: DomainState): boolean {
  if (was.domid === state.privDomid) return true;
  const info = state.control.info(was.domid);
  if (info === null || info.uniqueId !== was.uniqueId) return false;
  return (info.state & DOMAIN_EXISTS) !== 0 && (info.state & DOMAIN_DEAD) === 0;
}

/** Before its first request an introduced ring has no state of its own. */
function unused(domid: number): RingState {
  const nothing = new Uint8Array(0);
  return {
    domid,
    requestsTaken: 0,
    partial: nothing,
    responsesEnd: 0,
    responses: nothing,
    unsent: 0,
    afresh: true,
    ignored: false,
  };
}

function reviveRing(state: State, domain: Domain, record: RingRecord): boolean {
  const { domid, port } = domain;
  const connection = state.connectRing(domid);
  const error = state.control.reopen?.(connection, port, record.ring ?? unused(domid));
  if (error !== OK) {
    state.disconnect(connection);
    state.log("warning", `domain ${domid}: its ring could not be taken up again`);
    return false;
  }
  domain.connection = connection;
  connection.transactionIdLast = record.transactionIdLast;
  for (const id of record.transactions) {
    const transaction = new Transaction(id, connection, 0, state.tree);
    transaction.lost = true;
    state.addTransaction(transaction);
  }
  for (const { path, token, relative, depth } of record.watches.values()) {
    state.addWatch(connection, path, token, relative, depth);
  }
  return true;
}
