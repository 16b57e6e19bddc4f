import { emptyWalk, type Walk, walk } from "../store/lookup.ts";
import { namesOf } from "../store/names.ts";
import { newNode, type Node } from "../store/node.ts";
import { canonicalPath, isSpecial, quotaLength, ROOT_PATH } from "../store/path.ts";
import { EACCES, EINVAL, ENOENT, ENOMEM, ENOSPC, type ErrorCode, OK } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import { rightsOf } from "./domains.ts";
import { NAME_UNITS } from "./meter.ts";
import { KnownPaths } from "./known_paths.ts";
import { costMax, TOUCHED_BYTES } from "./memory_model.ts";
import type { QuotaName } from "./quota.ts";
import { refresh } from "./refresh.ts";
import type { State } from "./state.ts";
import { SEEN_EXISTENCE, SEEN_PERMS } from "./touched.ts";
import type { Transaction } from "./transaction.ts";

/** What stands where there is no tree. */
const NO_NODE = newNode("", 0, 0, []);

/**
 * One request on its way through its handler: who asks, about what, within which transaction,
 * and the rules that all handlers share. One object serves all requests, one after the other.
 */
export class Call {
  connection!: Connection;
  transaction: Transaction | null = null;
  payload!: Uint8Array;
  /** The request's id and the transaction's that it names. */
  reqId = 0;
  txId = 0;
  /** The engine's clock, in ms. */
  now = 0;
  /** Why the latest {@link access} or path was refused. */
  error: ErrorCode = OK;
  /** What the handler wants sent behind the reply (the first event of a watch). */
  afterReply: (() => void) | null = null;
  /** Where the NUL behind the path is that {@link firstPath} has found. */
  pathEnd = -1;
  readonly #knownPaths = new KnownPaths();
  /** How far the latest {@link access} came. */
  readonly walk: Walk;

  constructor(readonly state: State) {
    this.walk = emptyWalk(state.tree.root);
  }

  /** Lets go of the tree and of the transaction: what is removed must not stay until the next request. */
  letGo(): void {
    this.transaction = null;
    this.walk.node = null;
    this.walk.above = NO_NODE;
  }

  /** The tree as the caller sees it. */
  get root(): Node {
    return this.transaction === null ? this.state.tree.root : this.transaction.root;
  }

  /**
   * Whether the caller's domain would exceed one of its quotas with `value`; the log is told. Of a
   * node's size it says which node: the one at the first `length` characters of `path`.
   */
  exceeds(
    name: QuotaName,
    value: number,
    path: string = "",
    length: number = path.length,
  ): boolean {
    const { connection, state } = this;
    if (connection.privileged) return false;
    const quotas = state.domains.quotasOf(connection);
    if (!quotas.exceeded(name, value)) return false;
    if (name === "memory") state.memoryReports.refused(connection, quotas, this.now);
    // The quota of a path's length refuses with EINVAL, and is asked about before it does.
    else if (name !== "path-max") {
      const { account, domid } = connection;
      const node = name === "node-size" ? path.slice(0, length) || ROOT_PATH : "";
      const refusal = { domid, quota: name, limit: quotas.get(name), value, path: node };
      if (account !== null) state.quotaReports.refused(account, refusal, this.now);
    }
    return true;
  }

  /**
   * OK when there is memory for `bytes` more, in those of the memory model: ENOSPC when the store as a
   * whole takes all that it may, ENOMEM when the caller's domain does.
   */
  room(bytes: number): ErrorCode {
    const { connection, state } = this;
    const { account, privileged } = connection;
    if (state.memory.exceeded(privileged, bytes)) {
      state.memory.refused(connection, this.now);
      return ENOSPC;
    }
    if (privileged || account === null) return OK;
    const quotas = state.domains.quotasOf(connection);
    if (account.cost + bytes <= costMax(quotas)) return OK;
    state.memoryReports.refused(connection, quotas, this.now);
    return ENOMEM;
  }

  /** The canonical path a client means, or null with `error` EINVAL. */
  path(text: string | null, specials = false): string | null {
    const path = text === null ? null : canonicalPath(text, this.connection.home, specials);
    return this.#allowed(path);
  }

  /** The path of a request whose one argument it is. */
  onlyPath(specials = false): string | null {
    const path = this.firstPath(specials);
    return this.pathEnd === this.payload.length - 1 ? path : null;
  }

  /** The path of a request that begins with one, whose NUL is then at `pathEnd`. */
  firstPath(specials = false): string | null {
    const { payload } = this;
    const to = this.pathEnd = payload.indexOf(0);
    if (to < 0) return this.#allowed(null);
    return this.#allowed(this.#knownPaths.find(payload, to, this.connection.home, specials));
  }

  #allowed(path: string | null): string | null {
    this.error = EINVAL;
    if (path === null || this.connection.privileged) return path;
    // The part that counts is not longer than all of it.
    if (!this.exceeds("path-max", path.length)) return path;
    return this.exceeds("path-max", quotaLength(path)) ? null : path;
  }

  /**
   * The node at `path` if the caller has the rights `need` on it, else null with `error`. Who
   * may not even know whether there is a node gets EACCES, not ENOENT: the nearest existing
   * ancestor must grant one of the rights needed (XSA-115). `facets` is what the request will
   * tell the caller of the node; in a transaction it counts as seen.
   */
  access(path: string, need: number, facets: number): Node | null {
    const { connection, transaction } = this;
    if (isSpecial(path)) return this.#accessSpecial(path, need);
    if (transaction !== null && transaction.reserves) refresh(transaction, this.state.tree, path);
    const { node, above, aboveLength } = this.#find(path, facets);
    this.state.meter.add(NAME_UNITS * namesOf(path).count);
    if (transaction !== null && !this.#see(path, aboveLength, node !== null, facets)) return null;
    if (connection.privileged) {
      if (node === null) this.error = ENOENT;
      return node;
    }
    const { domains } = this.state;
    if (node !== null) {
      if ((rightsOf(connection, domains, node.perms) & need) === need) return node;
      this.error = EACCES;
      return null;
    }
    this.error = (rightsOf(connection, domains, above.perms) & need) !== 0 ? ENOENT : EACCES;
    return null;
  }

  /** Only the privileged see nothing of what they write to: to others its permissions show. */
  #find(path: string, facets: number): Walk {
    const { connection, transaction } = this;
    if (transaction !== null && facets === 0 && connection.privileged) {
      const found = walk(transaction.rootForValues, path, this.walk);
      if (found.node !== null) return found;
    }
    return walk(this.root, path, this.walk);
  }

  #accessSpecial(path: string, need: number): Node | null {
    const { connection, state } = this;
    const node = state.specials.get(path) ?? null;
    const perms = (node ?? state.tree.root).perms;
    const rights = rightsOf(connection, state.domains, perms);
    if (node !== null && (rights & need) === need) return node;
    this.error = node === null && (rights & need) !== 0 ? ENOENT : EACCES;
    return null;
  }

  /** Records in the transaction what a lookup shows; false if it now touches too many nodes. */
  #see(path: string, aboveLength: number, exists: boolean, facets: number): boolean {
    const { connection: { privileged } } = this;
    if (exists) return this.see(path, privileged ? facets : facets | SEEN_PERMS);
    if (!this.see(path, facets === 0 ? 0 : SEEN_EXISTENCE)) return false;
    return privileged || this.see(path.slice(0, aboveLength) || ROOT_PATH, SEEN_PERMS) &&
        this.see(firstMissing(path, aboveLength), SEEN_EXISTENCE);
  }

  /**
   * Records in the transaction that `facets` of the node at `path` were seen; false, with nothing
   * recorded, if that is one node too many.
   */
  see(path: string, facets: number): boolean {
    const transaction = this.transaction!;
    const fits = transaction.touched.has(path) ||
      this.fitsTransaction(1) && this.#fitsMemory(TOUCHED_BYTES + path.length);
    if (fits) transaction.see(path, facets);
    return fits;
  }

  /** Whether a change outside of transactions may have to wait for others' transactions. */
  get mayWait(): boolean {
    return this.state.reservations.any && this.transaction === null && !this.connection.privileged;
  }

  /** Whether there is memory for the transaction to remember `bytes` more; if not, it has failed. */
  #fitsMemory(bytes: number): boolean {
    const error = this.room(bytes);
    if (error === OK) return true;
    this.transaction!.failed = true;
    this.error = error;
    return false;
  }

  /** Whether the transaction may touch `more` nodes; if not, it has failed (XSA-326). */
  fitsTransaction(more: number): boolean {
    const transaction = this.transaction;
    if (transaction === null) return true;
    if (!this.exceeds("transaction-nodes", transaction.touched.size + more)) return true;
    transaction.failed = true;
    this.error = ENOSPC;
    return false;
  }
}

/** The path of the first node missing on the way to `path`. */
function firstMissing(path: string, aboveLength: number): string {
  const slash = path.indexOf("/", aboveLength + 1);
  return slash < 0 ? path : path.slice(0, slash);
}
