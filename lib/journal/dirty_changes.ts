import type { Dirty } from "../engine/dirty.ts";
import type { State } from "../engine/state.ts";
import { DIRTY_NEW, DIRTY_PERMS, DIRTY_VALUE, type DirtyNodes } from "../store/dirty_nodes.ts";
import type { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import type { NodeWriter } from "./node_writer.ts";

/**
 * Puts everything that is marked, each thing once, as it now is. What is gone comes first: a thing
 * that is there again came after that.
 */
export function putDirty(to: ByteWriter, nodes: NodeWriter, state: State, dirty: Dirty): void {
  if (!dirty.isNodesOnly) putOthers(to, state, dirty);
  putNodes(to, nodes, dirty.nodes);
}

function putOthers(to: ByteWriter, state: State, dirty: Dirty): void {
  for (const key of dirty.heldGone) put.putHeldGone(to, key);
  for (const domid of dirty.domainsGone) put.putDomainGone(to, domid);
  for (const connection of dirty.held) put.putHeld(to, connection);
  for (const domid of dirty.domains) {
    const domain = state.domains.kept(domid);
    if (domain !== undefined) put.putDomain(to, domain);
  }
  putWatches(to, dirty);
  putTransactions(to, dirty);
  if (dirty.quotas) put.putQuotas(to, state.domains.quotas);
  for (const name of dirty.settings) put.putSetting(to, name, state.settings.whole(name));
  for (const path of dirty.specials) put.putNode(to, path, state.specials.get(path)!);
}

/** Whether all that was known of a connection goes with it in this turn. */
function isGone(
  dirty: Dirty,
  { key, open }: { readonly key: number; readonly open: boolean },
): boolean {
  return !open && (dirty.heldGone.has(key) || dirty.domainsGone.has(key));
}

function putWatches(to: ByteWriter, dirty: Dirty): void {
  for (const watch of dirty.unwatched) {
    if (!isGone(dirty, watch.connection)) put.putUnwatch(to, watch);
  }
  for (const watch of dirty.watches) put.putWatch(to, watch);
}

/** Those that have started and ended are told by the highest id that was given. */
function putTransactions(to: ByteWriter, dirty: Dirty): void {
  for (const connection of dirty.idsGiven) {
    if (connection.open) put.putIdsGiven(to, connection.key, connection.transactionIdLast);
  }
  const open = [];
  for (const transaction of dirty.transactions.keys()) {
    const { connection, id } = transaction;
    if (connection.transactions.get(id) === transaction) open.push(transaction);
    else if (!isGone(dirty, connection)) put.putTransaction(to, connection.key, id, null);
  }
  for (const transaction of open) {
    put.putTransaction(to, transaction.connection.key, transaction.id, transaction);
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
