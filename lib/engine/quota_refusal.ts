import { mayUseAll } from "./daemon_memory_limit.ts";
import type { Walk } from "../store/lookup.ts";
import { type Node, NODE_BYTES, nodeSize, versionBytes } from "../store/node.ts";
import { ENOMEM, ENOSPC, type ErrorCode, OK } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import { costMax, TOUCHED_BYTES } from "./memory_model.ts";
import type { QuotaName } from "./quotas.ts";
import type { State } from "./state.ts";
import type { Transaction } from "./transaction.ts";

/** What the quotas have to know of a request. */
export interface QuotaCaller {
  readonly connection: Connection;
  readonly state: State;
  readonly transaction: Transaction | null;
  /** The engine's clock, in ms. */
  readonly now: number;
}

/**
 * Whether the caller's domain would exceed one of its quotas with `value`: then the request is refused, which is
 * counted and reported. `path` is what the request is about; of a node's size it is that of the node at its
 * first `length` characters.
 */
export function exceeds(
  call: QuotaCaller,
  quota: QuotaName,
  value: number,
  path: string = "",
  length: number = path.length,
): boolean {
  if (!isOver(call, quota, value)) return false;
  const { connection, now, state } = call;
  const quotas = state.domains.quotasOf(connection);
  if (quota === "memory") state.memoryReports.refused(connection, quotas, now);
  const { account, domid } = connection;
  const refusal = { domid, quota, limit: quotas.get(quota), value, path, length };
  if (account !== null) state.quotaReports.refused(account, refusal, now);
  return true;
}

/** The same without a refusal: the request is done in another way, or is tried again. */
export function isOver(
  { connection, state }: QuotaCaller,
  quota: QuotaName,
  value: number,
): boolean {
  return !connection.privileged && state.domains.quotasOf(connection).exceeded(quota, value);
}

/**
 * OK when there is memory for `bytes` more, in those of the memory model: ENOSPC when the store as a
 * whole takes all that it may, ENOMEM when the caller's domain does.
 */
export function roomFor({ connection, now, state }: QuotaCaller, bytes: number): ErrorCode {
  const { account, privileged } = connection;
  if (state.memory.exceeded(mayUseAll(connection), bytes)) {
    state.memory.refused(connection, now);
    return ENOSPC;
  }
  if (privileged || account === null) return OK;
  const quotas = state.domains.quotasOf(connection);
  const value = account.cost + bytes, most = costMax(quotas);
  if (value <= most) return OK;
  state.memoryReports.refused(connection, quotas, now);
  const limit = quotas.get("memory"), { domid } = connection;
  const refusal = { domid, quota: "memory", limit, value, path: "", length: 0, most } as const;
  state.quotaReports.refused(account, refusal, now);
  return ENOMEM;
}

/** OK if there is memory for the transaction to remember `bytes` more; if not, it has failed. */
export function fitsMemory(call: QuotaCaller, bytes: number): ErrorCode {
  const error = roomFor(call, bytes);
  if (error !== OK) call.transaction!.failed = true;
  return error;
}

/** OK if the transaction may touch `more` nodes; if not, it has failed (XSA-326). */
export function fitsTransaction(call: QuotaCaller, more: number, path: string): ErrorCode {
  const { transaction } = call;
  if (transaction === null) return OK;
  if (!exceeds(call, "transaction-nodes", transaction.touched.size + more, path)) return OK;
  transaction.failed = true;
  return ENOSPC;
}

/** Whether the caller's quotas allow the node and its missing parents, below where `way` ends. */
export function checkCreation(
  call: QuotaCaller,
  path: string,
  way: Walk,
  valueLength: number,
): ErrorCode {
  const { connection, state, transaction } = call;
  const { above, aboveLength } = way;
  if (connection.privileged) return roomFor(call, NODE_BYTES + valueLength);
  let levels = 0;
  for (let at = aboveLength; at >= 0 && at < path.length; levels++) at = nextSlash(path, at);
  if (fitsTransaction(call, levels, path) !== OK) return ENOSPC;
  const account = state.accounts.of(connection.domid);
  const nodes = account.now.nodes + (transaction?.accounts.nodesOf(connection.domid) ?? 0);
  if (exceeds(call, "nodes", nodes + levels, path)) return ENOSPC;
  const own = 16 + 8 * above.perms.length;
  const name = nextSlash(path, aboveLength) - aboveLength;
  if (exceeds(call, "node-size", nodeSize(above) + name, path, aboveLength)) return ENOSPC;
  if (exceeds(call, "node-size", own + valueLength, path)) return ENOSPC;
  const bytes = levels * (own + path.length) + valueLength;
  if (exceeds(call, "memory", account.now.memory + bytes, path)) return ENOMEM;
  return roomFor(
    call,
    bytes + levels * (transaction === null ? NODE_BYTES : NODE_BYTES + TOUCHED_BYTES),
  );
}

/** Where the name that begins behind the slash at `at` ends. */
function nextSlash(path: string, at: number): number {
  const slash = path.indexOf("/", at + 1);
  return slash < 0 ? path.length : slash;
}

/** Whether the caller's quotas allow the node's value `bytes` more. */
export function checkGrowth(call: QuotaCaller, path: string, node: Node, bytes: number): ErrorCode {
  const { connection, state } = call;
  if (!connection.privileged) {
    if (exceeds(call, "node-size", nodeSize(node) + bytes, path)) return ENOSPC;
    const { memory } = state.accounts.of(connection.domid).now;
    if (bytes > 0 && exceeds(call, "memory", memory + bytes, path)) return ENOMEM;
  }
  // What a transaction writes is there twice as long as it is open.
  if (call.transaction !== null) return roomFor(call, Math.max(0, bytes) + versionBytes(node));
  return bytes > 0 ? roomFor(call, bytes) : OK;
}
