import { emptyWalk, type Walk, walk } from "../store/lookup.ts";
import { namesOf, sharedNames, takeNames } from "../store/names.ts";
import { newNode, type Node } from "../store/node.ts";
import { isSpecial, quotaLength, ROOT_PATH } from "../store/path.ts";
import { EACCES, ENOENT, type ErrorCode, OK } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import { rightsOf } from "./rights.ts";
import { NAME_UNITS } from "./work_meter.ts";
import { PathCache } from "./path_cache.ts";
import { TOUCHED_BYTES } from "./memory_model.ts";
import { exceeds, fitsMemory, fitsTransaction, isOver } from "./quota_refusal.ts";
import { refresh } from "./refresh.ts";
import type { State } from "./state.ts";
import { SEEN_EXISTENCE, SEEN_PERMS } from "./touched.ts";
import type { Transaction } from "./transaction.ts";

/** What stands where there is no tree. */
const NO_NODE = newNode("", 0, 0, []);

/**
 * What a request's look at a node came to. It is good until the next look: one object serves all requests.
 */
export interface Access {
  /** OK, or why the caller gets no node. */
  error: ErrorCode;
  /** The node, if the caller has the rights it needs. */
  node: Node | null;
  /** How far the way to it leads, rights or no rights; of a special, nothing. */
  readonly way: Walk;
}

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
  readonly #knownPaths = new PathCache();
  readonly #access: Access;

  constructor(readonly state: State) {
    this.#access = { error: OK, node: null, way: emptyWalk(state.tree.root) };
  }

  /** Releases the tree and the transaction: what is removed must not stay until the next request. */
  forget(): void {
    this.transaction = null;
    const { way } = this.#access;
    this.#access.node = way.node = null;
    way.above = NO_NODE;
  }

  /** The path of a request whose one argument it is. */
  onlyPath(specials = false): string | null {
    const { payload } = this;
    const to = payload.length - 1;
    // One before that is in no path.
    return payload[to] === 0 ? this.pathUpTo(to, specials) : null;
  }

  /**
   * The canonical path at the beginning of the payload, up to the NUL at `to`, or null: EINVAL. There is none
   * if that is negative.
   */
  pathUpTo(to: number, specials = false): string | null {
    if (to < 0) return null;
    const path = this.#knownPaths.find(this.payload, to, this.connection.home, specials);
    if (path === null || this.connection.privileged) return path;
    // The part that counts is not longer than all of it.
    if (!isOver(this, "path-max", path.length)) return path;
    return exceeds(this, "path-max", quotaLength(path), path) ? null : path;
  }

  /**
   * The node at `path` if the caller has the rights `need` on it, else why not. Who
   * may not even know whether there is a node gets EACCES, not ENOENT: the nearest existing
   * ancestor must grant one of the rights needed (XSA-115). `facets` is what the request will
   * tell the caller of the node; in a transaction it counts as seen.
   */
  access(path: string, need: number, facets: number): Access {
    const { connection, transaction } = this;
    if (isSpecial(path)) return this.#accessSpecial(path, need);
    if (transaction !== null && transaction.reserves) refresh(transaction, this.state.tree, path);
    const way = this.#find(path, facets);
    const { node, above, aboveLength } = way;
    this.state.meter.add(NAME_UNITS * namesOf(path).count);
    if (transaction !== null) {
      const error = this.#see(path, aboveLength, node !== null, facets);
      if (error !== OK) return this.#refused(error);
    }
    const { domains } = this.state;
    if (node !== null) {
      if (connection.privileged || (rightsOf(connection, domains, node.perms) & need) === need) {
        return this.#granted(node);
      }
      return this.#refused(EACCES);
    }
    if (connection.privileged) return this.#refused(ENOENT);
    const mayKnow = (rightsOf(connection, domains, above.perms) & need) !== 0;
    return this.#refused(mayKnow ? ENOENT : EACCES);
  }

  #granted(node: Node): Access {
    const access = this.#access;
    access.error = OK;
    access.node = node;
    return access;
  }

  #refused(error: ErrorCode): Access {
    const access = this.#access;
    access.error = error;
    access.node = null;
    return access;
  }

  /** Only the privileged see nothing of what they write to: to others its permissions show. */
  #find(path: string, facets: number): Walk {
    const { connection, transaction } = this;
    if (transaction === null) return walk(this.state.tree.root, path, this.#access.way);
    if (facets === 0 && connection.privileged) {
      const found = walk(transaction.rootForValues, path, this.#access.way);
      if (found.node !== null) return found;
    }
    // To bring the transaction's draft up to date it may walk down other paths.
    const names = sharedNames(path), { root } = transaction;
    if (names !== null) takeNames(path, names);
    return walk(root, path, this.#access.way);
  }

  #accessSpecial(path: string, need: number): Access {
    const { connection, state } = this;
    const node = state.specials.get(path) ?? null;
    const perms = (node ?? state.tree.root).perms;
    const rights = rightsOf(connection, state.domains, perms);
    if (node !== null && (rights & need) === need) return this.#granted(node);
    return this.#refused(node === null && (rights & need) !== 0 ? ENOENT : EACCES);
  }

  /** Records in the transaction what a lookup shows; an error as {@link see} has it. */
  #see(path: string, aboveLength: number, exists: boolean, facets: number): ErrorCode {
    const { connection: { privileged } } = this;
    if (exists) {
      const error = this.see(path, privileged ? facets : facets | SEEN_PERMS);
      // When an unprivileged client made the node, it saw already that what is above was missing.
      const tellsPerms = privileged && (facets & SEEN_PERMS) !== 0;
      if (tellsPerms && error === OK) this.transaction!.seeInherited(path);
      return error;
    }
    const error = this.see(path, facets === 0 ? 0 : SEEN_EXISTENCE);
    if (error !== OK || privileged) return error;
    return this.see(path.slice(0, aboveLength) || ROOT_PATH, SEEN_PERMS) ||
      this.see(firstMissing(path, aboveLength), SEEN_EXISTENCE);
  }

  /**
   * Records in the transaction that `facets` of the node at `path` were seen. OK, or, with nothing
   * recorded, why that is one node too many.
   */
  see(path: string, facets: number): ErrorCode {
    const transaction = this.transaction!;
    if (!transaction.touched.has(path)) {
      const error = fitsTransaction(this, 1, path) || fitsMemory(this, TOUCHED_BYTES + path.length);
      if (error !== OK) return error;
    }
    transaction.see(path, facets);
    return OK;
  }

  /** Whether a change outside of transactions may have to wait for others' transactions. */
  get mayWait(): boolean {
    return this.state.reservations.any && this.transaction === null && !this.connection.privileged;
  }
}

/** The path of the first node missing on the way to `path`. */
function firstMissing(path: string, aboveLength: number): string {
  const slash = path.indexOf("/", aboveLength + 1);
  return slash < 0 ? path : path.slice(0, slash);
}
