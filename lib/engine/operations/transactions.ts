import { lookup } from "../../store/lookup.ts";
import { isSpecial } from "../../store/path.ts";
import { EAGAIN, EBUSY, EINVAL, ENOENT, ENOMEM, ENOSPC } from "../../wire/errors.ts";
import { oneArgument } from "../../wire/payload.ts";
import type { Call } from "../call.ts";
import { explain, findConflict, type Merge, merge } from "../commit.ts";
import { deliver, type DueEvent } from "../events.ts";
import { SEEN_UNITS, WRITTEN_UNITS } from "../meter.ts";
import { Transaction } from "../transaction.ts";
import { DONE, HELD, numberReply, type Outcome } from "./outcome.ts";

const UINT32_MAX = 0xffffffff;

/** TRANSACTION_START: there is no nesting. Ids count up for each connection, from 1. */
export function start(call: Call): Outcome {
  const { connection, state, now } = call;
  if (call.transaction !== null) return EBUSY;
  const account = state.accounts.of(connection.domid);
  if (call.exceeds("transactions", account.now.transactions + 1)) return ENOSPC;
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
  const counts = transaction.reserves || argument === "T" && transaction.written.length > 0;
  reservations.close(transaction, now);
  state.dropTransaction(transaction);
  const outcome = argument === "F" ? DONE : commit(call, transaction);
  if (counts && typeof outcome !== "number") reservations.passed(transaction);
  return outcome;
}

function commit(call: Call, transaction: Transaction): Outcome {
  const { state, connection } = call;
  if (transaction.lost) {
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
    // A guest's own refused commits count against it, those of others against the guest in their way.
    const causing = connection.privileged ? conflict.by.guest : connection.domid;
    logRefusal(call, transaction, causing ?? state.privDomid, () => explain(conflict));
    return EAGAIN;
  }
  if (transaction.draft === null && setValues(call, transaction)) return DONE;
  const merged = merge(transaction, state.tree);
  if (!connection.privileged && !fitsQuotas(call, merged)) return ENOSPC;
  const due: DueEvent[] = [];
  collectRemovals(call, transaction, due);
  const before = state.tree.root;
  state.tree.adopt(merged.draft);
  merged.accounts.applyTo(state.accounts);
  if (state.dirty !== null) merged.marks?.applyTo(state.dirty.nodes);
  deliver(inOrderOfAccess(call, transaction, before, due));
  return DONE;
}

/**
 * Does what a transaction without a draft did: values of nodes that are there need no quota. False,
 * with nothing done, when somebody has removed one of them meanwhile.
 */
function setValues({ connection, state }: Call, { touched, written }: Transaction): boolean {
  const { events, tree } = state;
  for (const { path } of written) if (lookup(tree.root, path) === null) return false;
  for (const { path, value } of written) {
    tree.setValue(path, value!, connection.origin, lookup(tree.root, path));
  }
  const due: DueEvent[] = [];
  for (const { path, written } of touched.values()) {
    if (written) events.ofChange(tree.root, path, null, due);
  }
  deliver(due);
  return true;
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
    if (quotas.exceeded("nodes", nodes)) return false;
  }
  return true;
}

/** Events of removals, which only the tree before the commit can tell. */
function collectRemovals(call: Call, transaction: Transaction, due: DueEvent[]): void {
  const { state: { events, tree } } = call;
  for (const { path, removed } of transaction.written) {
    if (removed) events.ofRemoval(tree.root, path, due);
  }
}

/** One set of events for each path named, in the order in which paths were first accessed. */
function inOrderOfAccess(
  call: Call,
  transaction: Transaction,
  before: Transaction["root"],
  removals: readonly DueEvent[],
): DueEvent[] {
  const { state: { events, tree } } = call;
  const due: DueEvent[] = [];
  for (const { named, path, removed, written } of transaction.touched.values()) {
    if (!written || isSpecial(path)) continue;
    if (removed) due.push(...removals.filter((event) => isWithin(event.path, path)));
    else if (named) events.ofCommit(tree.root, before, path, due);
  }
  return due;
}

function isWithin(path: string, top: string): boolean {
  return path.startsWith(top) && (path.length === top.length || path[top.length] === "/");
}
