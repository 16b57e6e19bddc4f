import { CONNECTION, type ConnectionBase } from "../engine/connection_base.ts";
import { type Dirty, SPECIAL } from "../engine/dirty.ts";
import { DEFAULT_QUOTAS, DOMAIN, type Domain } from "../engine/domains.ts";
import { SETTING } from "../engine/settings.ts";
import type { State } from "../engine/state.ts";
import { TRANSACTION } from "../engine/transaction.ts";
import { isRegistered, WATCH } from "../engine/watches.ts";
import { domainRecord, quotaRecord } from "../persist/domain_records.ts";
import { DIRTY_NEW, DIRTY_PERMS, DIRTY_VALUE, type DirtyNodes } from "../store/dirty_nodes.ts";
import type { ByteWriter } from "../codec/journal/byte_writer.ts";
import * as put from "../codec/journal/changes.ts";
import type { NodeWriter } from "../codec/journal/node_writer.ts";

/**
 * Puts everything that is marked, each thing once, as it now is. What is gone comes first: a thing
 * that is there again came after that.
 */
export function putDirty(to: ByteWriter, nodes: NodeWriter, state: State, dirty: Dirty): void {
  if (!dirty.isNodesOnly) putOthers(to, state, dirty);
  putNodes(to, nodes, dirty.nodes);
}

function putOthers(to: ByteWriter, state: State, dirty: Dirty): void {
  const gone = putGone(to, state, dirty);
  for (const connection of dirty.marked(CONNECTION).keys()) {
    if (connection.open === true) put.putHeld(to, connection);
  }
  for (const domain of dirty.marked(DOMAIN).keys()) {
    if (isStored(state, domain)) put.putDomain(to, domainRecord(domain));
  }
  putWatches(to, dirty, gone);
  putTransactions(to, dirty, gone);
  if (dirty.marked(DEFAULT_QUOTAS).size > 0) {
    put.putQuotas(to, quotaRecord(state.domains.quotas).domain);
  }
  for (const name of dirty.marked(SETTING).keys()) {
    put.putSetting(to, name, state.settings.whole(name));
  }
  for (const path of dirty.marked(SPECIAL).keys()) {
    put.putNode(to, path, state.specials.get(path)!);
  }
}

function isStored({ domains }: State, domain: Domain): boolean {
  return domains.knownOrDying(domain.domid) === domain;
}

/** What takes all with it that was known of a connection, whose keys are returned. */
function putGone(to: ByteWriter, state: State, dirty: Dirty): Set<number> {
  const gone = new Set<number>();
  for (const [{ key, open }, isNew] of dirty.marked(CONNECTION)) {
    if (open === true || isNew) continue;
    gone.add(key);
    put.putHeldGone(to, key);
  }
  for (const domain of dirty.marked(DOMAIN).keys()) {
    if (isStored(state, domain) || gone.has(domain.domid)) continue;
    gone.add(domain.domid);
    put.putDomainGone(to, domain.domid);
  }
  return gone;
}

/** Whether all that was known of a connection goes with it in this turn. */
function isGone(gone: ReadonlySet<number>, { key, open }: ConnectionBase): boolean {
  return !open && gone.has(key);
}

function putWatches(to: ByteWriter, dirty: Dirty, gone: ReadonlySet<number>): void {
  const marked = dirty.marked(WATCH);
  for (const [watch, isNew] of marked) {
    if (isRegistered(watch) || isNew || isGone(gone, watch.connection)) continue;
    put.putUnwatch(to, watch.connection.key, watch.path, watch.token);
  }
  for (const watch of marked.keys()) {
    if (isRegistered(watch)) put.putWatch(to, watch.connection.key, watch);
  }
}

/** Those that have started and ended are told by the highest id that was given. */
function putTransactions(to: ByteWriter, dirty: Dirty, gone: ReadonlySet<number>): void {
  const marked = dirty.marked(TRANSACTION);
  const idsGiven = new Set<ConnectionBase>();
  for (const [transaction, isNew] of marked) {
    const { connection } = transaction;
    if (isNew && !transaction.isOpen && connection.open) idsGiven.add(connection);
  }
  for (const { key, transactionIdLast } of idsGiven) put.putIdsGiven(to, key, transactionIdLast);
  for (const [transaction, isNew] of marked) {
    const { connection, id } = transaction;
    if (isNew || transaction.isOpen || isGone(gone, connection)) continue;
    put.putTransaction(to, connection.key, id, null);
  }
  for (const transaction of marked.keys()) {
    const { connection, id } = transaction;
    if (transaction.isOpen) put.putTransaction(to, connection.key, id, transaction);
  }
}

function putNodes(to: ByteWriter, writer: NodeWriter, dirty: DirtyNodes): void {
  for (const path of dirty.gone) put.putNodeGone(to, path);
  for (let i = 0; i < dirty.count; i++) {
    const { node, path, what } = dirty.at(i);
    if (node === null) continue;
    if ((what & (DIRTY_NEW | DIRTY_VALUE)) !== 0) writer.whole(path, node);
    else if ((what & DIRTY_PERMS) !== 0) writer.perms(path, node);
    else writer.generation(path, node);
  }
}
