import type { Connection } from "../engine/connection.ts";
import type { Domain } from "../engine/domains.ts";
import { quotaName, QUOTAS, Quotas } from "../engine/quota.ts";
import type { State } from "../engine/state.ts";
import { Transaction } from "../engine/transaction.ts";
import { newNode } from "../store/node.ts";
import { canonicalPath } from "../store/path.ts";
import { DOMID_ANY } from "../store/perms.ts";
import {
  type PlannedConnection,
  type PlannedDomain,
  type PlannedNode,
  RestoreError,
  type RestorePlan,
} from "./plan.ts";

/** Who is named as the last to have changed what was restored. */
export const RESTORED = { label: "a restored dump" };

/**
 * Loads a plan's nodes, specials, quotas and records of domains into a state that is otherwise
 * fresh; connections are up to the caller, who calls {@link attachConnection} for each. Nothing is
 * marked for the journal: its image is to be made afterwards.
 */
export function loadPlan(state: State, plan: RestorePlan): void {
  if (state.find("/tool") !== null) state.tree.remove("/tool", RESTORED);
  let count = 0;
  for (const { path, perms, value } of plan.nodes.values()) {
    count++;
    const generation = state.versions.generation + 1;
    state.tree.load(path, { value, perms, generation, ordinal: count }, RESTORED);
  }
  for (const special of plan.specials.values()) loadSpecial(state, special);
  if (plan.quota !== null) setQuotas(state.domains.quotas, plan.quota.domain);
  const comparable = areComparable(state, plan);
  for (const [domid, domain] of plan.domains) loadDomain(state, domid, domain, comparable);
}

/** Gives a special the permissions that it had; one that this store does not know is left out. */
export function loadSpecial(state: State, { path, perms }: PlannedNode): void {
  const before = state.specials.get(path);
  if (before === undefined) return;
  state.chargeSpecial(path, before.perms, -1);
  const node = newNode(path, 0, 0, perms);
  node.generation = ++state.versions.generation;
  node.origin = RESTORED;
  state.specials.set(path, node);
  state.chargeSpecial(path, perms, 1);
}

/**
 * Whether the stream's unique ids are of the kind that this daemon's hypervisor tells: Xen's own, or
 * made from UUIDs. The numbers do not say; but the domain that the daemon runs in was there all the
 * time, so where its id is another one, so are all.
 */
function areComparable(state: State, plan: RestorePlan): boolean {
  for (const domid of [state.storeDomid, state.privDomid]) {
    const planned = plan.domains.get(domid);
    const told = planned === undefined ? null : uniqueIdOf(planned);
    if (told !== null) return told === state.control.info(domid)?.uniqueId;
  }
  return true;
}

/**
 * The id by which a domain is to be known. A stream's that can be compared stays, so that a domain
 * that was replaced meanwhile is found to be gone (XSA-322). One that can't would bury whoever lives:
 * then it is who is there now. Between two daemons in one process that is a matter of a second, in
 * which Xen does not come back to a domid; what died in it is not there, and keeps the stream's id.
 */
function uniqueIdNow(
  state: State,
  domid: number,
  planned: PlannedDomain,
  comparable: boolean,
): bigint {
  const told = uniqueIdOf(planned);
  if (told !== null && comparable) return told;
  return state.control.info(domid)?.uniqueId ?? told ?? 0n;
}

function loadDomain(
  state: State,
  domid: number,
  planned: PlannedDomain,
  comparable: boolean,
): Domain {
  const { connection, detail, record } = planned;
  const uniqueId = uniqueIdNow(state, domid, planned, comparable);
  const domain = state.domains.get(domid) ?? state.domains.add(domid, uniqueId);
  domain.introduced = detail?.introduced ?? (connection !== null || domid === state.privDomid);
  domain.shutdownSeen = detail?.shutdownSeen ?? false;
  const end = connection?.record.end;
  domain.target = detail?.target ?? (end?.kind === "ring" ? end.target : null);
  domain.port = connection?.ring?.remotePort ?? 0;
  // Version 1 has no place for them.
  if (record !== null && record.features !== 0) domain.features = record.features;
  if (record !== null) setQuotas(domain.quotas, record.quotas);
  return domain;
}

/** What the stream says tells this domain from others of its domid; null when it does not. */
export function uniqueIdOf({ connection, detail }: PlannedDomain): bigint | null {
  return detail?.uniqueId ?? connection?.record.uniqueId ?? null;
}

function setQuotas(of: Quotas, values: ReadonlyMap<string, number>): void {
  for (const [text, value] of values) {
    const name = quotaName(text);
    if (name !== null) of.set(name, value);
  }
}

/**
 * Gives a connection that has just been made its watches and its open transactions. What these
 * did is not known to this store as its own doing, so they end in EAGAIN.
 */
export function attachConnection(
  state: State,
  connection: Connection,
  { detail, transactions, watches }: PlannedConnection,
): void {
  let last = detail?.transactionIdLast ?? 0;
  for (const { depth, path, token } of watches.values()) {
    const canonical = canonicalPath(path, connection.home, true)!;
    if (connection.watches.has(`${canonical}\0${token}`)) continue;
    const relative = canonical.length !== path.length;
    state.addWatch(connection, canonical, token, relative, Number.isFinite(depth) ? depth : -1);
  }
  for (const id of transactions.keys()) {
    last = Math.max(last, id);
    if (connection.transactions.has(id)) continue;
    const transaction = new Transaction(id, connection, 0, state.tree);
    transaction.lost = true;
    transaction.wrote = true;
    state.addTransaction(transaction);
  }
  connection.transactionIdLast = Math.max(connection.transactionIdLast, last);
}

/**
 * The domains that would own more than their quotas allow, a line each. In a living `state` domains
 * keep the quotas that they have; elsewhere they are the stream's own, where it has any.
 */
export function overQuota(plan: RestorePlan, state: State | null): string[] {
  const global = new Quotas(state?.domains.quotas);
  if (plan.quota !== null) setQuotas(global, plan.quota.domain);
  const lines: string[] = [];
  for (const [domid, { biggest, memory, nodes, perms }] of plan.owned) {
    if (domid === (state?.privDomid ?? 0) || domid === DOMID_ANY) continue;
    const quotas = new Quotas(state?.domains.get(domid)?.quotas ?? global);
    const record = plan.domains.get(domid)?.record ?? null;
    if (state === null && record !== null) setQuotas(quotas, record.quotas);
    const wanted = { nodes, memory, "node-size": biggest, "node-permissions": perms } as const;
    for (const { name } of QUOTAS) {
      const value = wanted[name as keyof typeof wanted] ?? 0;
      if (!quotas.exceeded(name, value)) continue;
      lines.push(`domain ${domid} would have ${name} ${value}, its quota is ${quotas.get(name)}`);
    }
  }
  return lines;
}

/** Fails for a plan that would put a domain over its quotas. */
export function checkQuotas(plan: RestorePlan, state: State | null): void {
  const [first, ...more] = overQuota(plan, state);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new RestoreError(`${first}${others}: raise the quota, or restore with --over-quota`);
}
