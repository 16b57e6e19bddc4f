import { Cursor } from "../../store/cursor.ts";
import { lookup } from "../../store/lookup.ts";
import { type Node, nodeSize } from "../../store/node.ts";
import { EAGAIN, EBUSY, EINVAL, ENOENT, ENOMEM, ENOSPC, OK } from "../../wire/errors.ts";
import { READER_TRANSACTIONS_MAX } from "../../limits.ts";
import { oneArgument } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { exceeds, isOver, roomFor } from "../quota_refusal.ts";
import type { ConflictPair } from "../conflict_pairs.ts";
import { type Conflict, explain, findConflict, findOvergrown } from "../conflict.ts";
import { eventsOfCommit } from "../commit_events.ts";
import { cutForLog } from "../domain_log_budget.ts";
import { deliver, type DueEvent } from "../event_readers.ts";
import { TRANSACTION_BYTES } from "../memory_model.ts";
import { type Merge, merge } from "../merge.ts";
import { SEEN_UNITS, WRITTEN_UNITS } from "../work_meter.ts";
import { recallNames, SORTED_FROM } from "../touched.ts";
import { inPathOrder, type TouchedNodes } from "../touched_nodes.ts";
import { Transaction } from "../transaction.ts";
import { DONE, HELD, numberReply, type Outcome } from "./outcome.ts";

const UINT32_MAX = 0xffffffff;

/** TRANSACTION_START: there is no nesting. Ids count up for each connection, from 1. */
export function start(call: Call): Outcome {
  const { connection, state, now } = call;
  if (call.transaction !== null) return EBUSY;
  const open = connection.transactions.size;
  if (connection.readOnly && open >= READER_TRANSACTIONS_MAX) return ENOSPC;
  const account = state.accounts.of(connection.domid);
  if (exceeds(call, "transactions", account.now.transactions + 1)) return ENOSPC;
  const error = roomFor(call, TRANSACTION_BYTES);
  if (error !== OK) return error;
  let id = connection.transactionIdLast;
  do id = id === UINT32_MAX ? 1 : id + 1; while (connection.transactions.has(id));
  connection.transactionIdLast = id;
  const transaction = new Transaction(id, connection, now, state.tree);
  state.addTransaction(transaction);
  state.reservations.begin(transaction, now);
  return numberReply(id);
}

/** TRANSACTION_END: `T` commits, `F` drops it; either way it is gone, but for a bad argument. */
export function end(call: Call): Outcome {
  const argument = oneArgument(call.payload);
  if (argument !== "T" && argument !== "F") return EINVAL;
  const { transaction, state, connection, now } = call;
  if (transaction === null) return ENOENT;
  const { reservations } = state;
  if (argument === "T" && !connection.privileged && reservations.any) {
    if (!transaction.failed && reservations.holdCommit(transaction, now)) return HELD;
  }
  call.transaction = null;
  const counts = transaction.reserves || transaction.written.length > 0;
  const isContested = reservations.close(transaction, now);
  state.dropTransaction(transaction);
  const { refusals } = connection;
  if (argument === "F") {
    refusals?.gaveUp(transaction, now);
    return DONE;
  }
  const outcome = commit(call, transaction);
  if (outcome === DONE && transaction.written.length > 0) connection.account!.counts.commits++;
  if (counts && typeof outcome !== "number") refusals?.passed(transaction, isContested);
  return outcome;
}

function commit(call: Call, transaction: Transaction): Outcome {
  const { state, connection } = call;
  if (transaction.lost) {
    state.commits?.aborted(transaction, null);
    if (transaction.gaveUp) return EAGAIN;
    logRefusal(call, transaction, connection.domid, () => "lost in a restart");
    return EAGAIN;
  }
  if (transaction.failed) return ENOMEM;
  if (transaction.written.length === 0) return DONE;
  if (state.full) return ENOSPC;
  const { touched, written } = transaction;
  const isCurrent = transaction.base === state.tree.root;
  state.meter.add(WRITTEN_UNITS * written.length + (isCurrent ? 0 : SEEN_UNITS * touched.size));
  const conflict = findConflict(transaction, state.tree.root);
  if (conflict !== null) {
    state.reservations.refused(transaction, conflict);
    refuse(call, transaction, conflict);
    return EAGAIN;
  }
  if (transaction.draft === null && setValues(call, transaction)) {
    state.commits?.transaction(transaction);
    return DONE;
  }
  const merged = merge(transaction, state.tree);
  if (!connection.privileged) {
    const overgrown = merged.isShared ? findOvergrown(merged.nodes, isTooLarge(call)) : null;
    if (overgrown !== null) {
      refuse(call, transaction, overgrown);
      return EAGAIN;
    }
    if (!fitsQuotas(call, merged)) return ENOSPC;
  }
  state.commits?.transaction(transaction);
  state.tree.adopt(merged.draft);
  merged.accounts.applyTo(state.accounts);
  if (state.dirty !== null) merged.marks?.applyTo(state.dirty.nodes);
  deliver(eventsOfCommit(state.events, merged.nodes));
  return DONE;
}

function isTooLarge(call: Call): (size: number) => boolean {
  return (size) => isOver(call, "node-size", size);
}

/**
 * Does what a transaction without a draft did: gives values to nodes that are there. False, with
 * nothing done, when another client has removed one of them meanwhile, or has left it no room.
 */
function setValues(call: Call, transaction: Transaction): boolean {
  const { connection, state: { events, tree } } = call;
  const { base, touched, written } = transaction;
  const isChecked = !connection.privileged && base !== tree.root;
  if (written.length >= SORTED_FROM) return setManyValues(call, touched, isChecked);
  const found = new Array<Node | null>(written.length);
  for (let i = 0; i < written.length; i++) {
    recallNames(written[i]!);
    const node = found[i] = lookup(tree.root, written[i]!.path);
    if (!takes(call, node, written[i]!.value!, isChecked)) return false;
  }
  for (let i = 0; i < written.length; i++) {
    const { path, value } = written[i]!;
    recallNames(written[i]!);
    tree.setValue(path, value!, connection.origin, found[i]!);
  }
  const due: DueEvent[] = [];
  for (const one of touched.values()) {
    if (!one.written) continue;
    recallNames(one);
    events.ofChange(tree.root, one.path, null, due);
  }
  deliver(due);
  return true;
}

/** Whether `node` is there and, where that `isChecked`, has room for the value. */
function takes(call: Call, node: Node | null, value: Uint8Array, isChecked: boolean): boolean {
  if (node === null) return false;
  const size = nodeSize(node) - node.value.length + value.length;
  return !(isChecked && isOver(call, "node-size", size));
}

/** The same in path order: each node is found once, in what its path has of its own. */
function setManyValues(
  call: Call,
  touched: TouchedNodes,
  isChecked: boolean,
): boolean {
  const { connection, state: { events, tree } } = call;
  const written = [...inPathOrder(touched)].filter(({ written }) => written);
  const found = new Cursor(tree.root);
  for (const { path, value } of written) {
    if (!takes(call, found.find(path), value!, isChecked)) return false;
  }
  const own = tree.cursor();
  const done = written.map(({ index, path, value }) => {
    const node = own.find(path)!;
    tree.setValue(path, value!, connection.origin, node);
    return { index, path, perms: node.perms, parent: own.above.perms };
  });
  const due: DueEvent[] = [];
  for (const { parent, path, perms } of done.sort((a, b) => a.index - b.index)) {
    events.ofNode(path, perms, null, parent, due);
  }
  deliver(due);
  return true;
}

/**
 * Counts a refused commit, for whom and because of whom, and says why it is refused. A guest's own refused commits
 * count against its budget of lines, those of others against the guest's in their way. Clients of the control
 * domain have one budget together, so each two of them may cause only so many of its lines.
 */
function refuse(call: Call, transaction: Transaction, conflict: Conflict): void {
  const { connection, now, state } = call;
  const causing = connection.privileged ? conflict.by.guest : connection.domid;
  const number = state.commits?.aborted(transaction, conflict);
  const { lines } = countConflict(call, conflict);
  const left = causing === undefined ? lines.take(now) : "";
  if (left === null) return;
  // By that number the history tells more.
  const place = number === undefined ? "" : ` (#${number})`;
  const why = (): string => `${explain(conflict)}${place}${left}`;
  logRefusal(call, transaction, causing ?? state.privDomid, why);
}

function countConflict(
  { connection, state }: Call,
  { by, facet, path }: Conflict,
): ConflictPair {
  const { accounts, counters: { conflicts }, privDomid } = state;
  const byDomid = by.guest ?? privDomid, { domid, label } = connection;
  accounts.of(domid).counts.conflictsSuffered++;
  // What a domain has changed may outlive it: then nobody is counted for.
  const causing = accounts.known(byDomid);
  if (causing !== undefined) causing.counts.conflictsCaused++;
  const where = { path: cutForLog(path), facet };
  return conflicts.add({ loser: label, loserDomid: domid, by: by.label, byDomid, ...where });
}

/** Says why a commit is refused, in a line that domain `causing` pays for. */
function logRefusal(
  { now, state }: Call,
  { connection, id }: Transaction,
  causing: number,
  why: () => string,
): void {
  const text = (): string => `EAGAIN for transaction ${id} of ${connection.label}: ${why()}`;
  state.tell("info", causing, now, text);
}

/** Whether every domain that would own more nodes may (its quota, not the caller's). */
function fitsQuotas(call: Call, merged: Merge): boolean {
  const { accounts, domains, privDomid } = call.state;
  for (const domid of merged.accounts.risen()) {
    if (domid === privDomid) continue;
    const quotas = domains.get(domid)?.quotas ?? domains.quotas;
    const nodes = accounts.of(domid).now.nodes + merged.accounts.nodesOf(domid);
    if (quotas.exceeded("nodes", nodes)) {
      const limit = quotas.get("nodes");
      const refusal = { domid, quota: "nodes", limit, value: nodes, path: "", length: 0 } as const;
      call.state.quotaReports.refused(accounts.of(domid), refusal, call.now);
      return false;
    }
  }
  return true;
}
