import { OWN_KEY_MAX } from "../limits.ts";
import { PendingAccounts } from "./accounts.ts";
import { Draft } from "../store/draft.ts";
import { emptyWalk, walk } from "../store/lookup.ts";
import { sharedNames } from "../store/names.ts";
import type { Node, Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { PathSet } from "../store/path_set.ts";
import type { Perms } from "../store/perms.ts";
import type { Snapshot, SnapshotHolder } from "../store/snapshots.ts";
import type { ConnectionBase } from "./connection_base.ts";
import { Kind } from "./dirty.ts";
import type { OpenTransactions } from "./open_transactions.ts";
import { namesBytes, NODE_BYTES, TOUCHED_BYTES, TRANSACTION_BYTES } from "./memory_model.ts";
import {
  newTouched,
  recallNames,
  SEEN_CHILDREN,
  SEEN_EXISTENCE,
  SEEN_PERMS,
  SEEN_VALUE,
  type Touched,
} from "./touched.ts";
import { pathHash, TouchedNodes } from "./touched_nodes.ts";

/** The connection that a transaction is of. */
export interface TransactionOwner extends ConnectionBase {
  readonly transactions: OpenTransactions<Transaction>;
}

/** Transactions of connections that outlive the process: they started, wrote for the first time, or ended. */
export const TRANSACTION: Kind<Transaction> = new Kind({
  isNew: ({ isOpen, wrote }) => isOpen && !wrote,
  isPersistent: ({ connection }) => connection.key >= 0,
});

/** Written to by nobody: what has none. */
const NONE: Touched[] = [];

/**
 * A running transaction: a snapshot taken when it first looks at a node, a draft of its own made
 * when that has to show what it wrote, and the record of what it saw and did. One that only gives
 * values to nodes that are there never needs a draft, and if it reads nothing, no snapshot either.
 * See conflict.ts for its end.
 */
export class Transaction implements SnapshotHolder {
  /** The tree it started from; null until it looks at a node. */
  base: Node | null = null;
  #draft: Draft | null = null;
  #accounts: PendingAccounts | null = null;
  /** The nodes of which anything was seen, or to which anything was done, in order of first access. */
  readonly touched: TouchedNodes = new TouchedNodes();
  /** Those to which something was done, in the order in which that was first so. */
  written: Touched[] = NONE;
  /** Domids that died while it ran: permissions naming them cannot be committed (XSA-322). */
  died: Set<number> | null = null;
  /** Permissions of nodes it made, by path, of which a reply told that one below has inherited them. */
  inherited: Map<string, Perms> | null = null;
  /** Requests in it so far. */
  operations = 0;
  /** Whether it set a node's permissions. */
  setsPerms = false;
  /** The store's generation when it started: what is of a later one, it should not see. */
  generation: number;
  /** Whether it changed anything, and that was recorded. */
  wrote = false;
  /**
   * What it saw and did is gone, so it cannot be committed: it was open when the daemon died, or kept
   * too much in memory.
   */
  lost = false;
  /** It is lost because it kept too much in memory. */
  gaveUp = false;
  /** It ran into a quota; it cannot be committed any more (XSA-415). */
  failed = false;
  /** Whether others have to wait before they change what it sees; see commit_reservations.ts. */
  reserves = false;
  /** Whether its snapshot is younger than its first look; see refresh.ts. */
  hasMovedOn = false;
  /** Bytes that the transaction holds: paths accessed, values and permissions written. */
  bytes = 0;
  /** How many of them the connection's domain has been charged for so far. */
  bytesCharged = 0;
  /** How much of its {@link overhead} the connection's domain has been charged for. */
  overheadCharged = 0;
  /** Bytes of what others have replaced, and its snapshot keeps. */
  pinned = 0;
  /** What the names of paths that it keeps take. */
  #namesBytes = 0;
  /** Bytes of long paths that are parts of another path's text. */
  #sharedBytes = 0;
  #snapshot: Snapshot | null = null;
  #turn = 0;
  /** Paths that were removed. */
  #removed: PathSet | null = null;

  constructor(
    readonly id: number,
    readonly connection: TransactionOwner,
    /** When it started, in ms of the engine's clock. */
    readonly startedAt: number,
    private readonly committed: Draft,
  ) {
    this.generation = committed.versions.generation;
  }

  /** Whether it has not ended. */
  get isOpen(): boolean {
    return this.connection.transactions.get(this.id) === this;
  }

  /** The tree as this transaction sees it. */
  get root(): Node {
    if (this.#draft === null && this.written.length > 0) this.#catchUp();
    return this.#draft?.root ?? this.#base();
  }

  #base(): Node {
    if (this.base === null) {
      this.#snapshot = this.committed.openSnapshot(this);
      this.base = this.#snapshot.root;
    }
    return this.base;
  }

  /** Others have replaced what its snapshot keeps in memory. */
  pin(bytes: number): void {
    this.pinned += bytes;
    this.connection.account?.pin(bytes);
  }

  /** It does not look at its snapshot any more. */
  closeSnapshot(): void {
    if (this.#snapshot === null) return;
    this.committed.versions.snapshots.drop(this.#snapshot);
    this.#snapshot = null;
    this.connection.account?.pin(-this.pinned);
    this.pinned = 0;
  }

  /** What it holds in memory beside its {@link bytes}, in those of the model. */
  get overhead(): number {
    const nodes = this.#draft?.made ?? 0;
    return TRANSACTION_BYTES + TOUCHED_BYTES * this.touched.size + this.#namesBytes +
      NODE_BYTES * nodes - this.#sharedBytes;
  }

  /** Releases all that it holds in memory: it is {@link lost}. */
  giveUp(): void {
    this.lost = this.gaveUp = true;
    this.closeSnapshot();
    this.base = this.#draft = null;
    this.#accounts = null;
    this.touched.clear();
    this.written = NONE;
    this.bytes = this.#namesBytes = this.#sharedBytes = 0;
    this.#removed = this.inherited = null;
    this.setsPerms = false;
  }

  /**
   * Where to look for a node whose value must be replaced, of which the transaction tells nothing
   * and remembers nothing: not necessarily {@link root}, which costs more. A node missing there is
   * to be looked for again in {@link root}.
   */
  get rootForValues(): Node {
    return this.#draft?.root ?? this.base ?? this.committed.root;
  }

  /** What its draft has changed in its domains' counters. */
  get accounts(): PendingAccounts {
    return this.#accounts ??= new PendingAccounts();
  }

  /** Moves its snapshot to the tree as it is now, with what it did done again in `draft`. */
  moveOn(draft: Draft | null, accounts: PendingAccounts): void {
    this.hasMovedOn = true;
    this.closeSnapshot();
    this.base = null;
    this.#base();
    this.#draft = draft;
    this.#accounts = accounts;
  }

  /** The tree with what it wrote; null as long as that is nothing but values of nodes that are there. */
  get draft(): Draft | null {
    return this.#draft;
  }

  /** Makes the draft, with the values written so far. */
  #catchUp(): void {
    const base = this.#base();
    const draft = this.#draft = new Draft(base, this.committed.versions, this.accounts);
    const { origin } = this.connection;
    for (const touched of [...this.written]) {
      const { path, value } = touched;
      recallNames(touched);
      const { node, above, aboveLength } = walk(draft.root, path, emptyWalk(draft.root));
      if (node === null) {
        // Another client removed it before there was a snapshot. What it now inherits counts as seen.
        this.seeParent(path, aboveLength);
        this.create(path, above.perms, origin, aboveLength);
      }
      draft.setValue(path, value!, origin);
      touched.value = null;
    }
  }

  /** Records that `facets` of the node at `path` were seen, as far as they are not its own doing. */
  see(path: string, facets: number): void {
    const touched = this.#touch(path);
    if ((touched.facets & facets) !== facets) touched.facets |= facets & ~this.#ownDoing(touched);
  }

  /**
   * Records that what a node inherits is seen, which is made below the first `aboveLength` characters of its
   * path: another client's change of it must not go unnoticed. A parent that the transaction made has the
   * permissions that it was made with, and these are compared at the end (conflict.ts, findOtherMaker).
   */
  seeParent(path: string, aboveLength: number): void {
    const above = path.slice(0, aboveLength) || ROOT_PATH;
    if ((this.touched.get(above)?.createdWith ?? null) === null) this.see(above, SEEN_PERMS);
  }

  /**
   * Records, for a reply that tells the permissions of the node at `path`, those of the parents that the
   * transaction made: the node has inherited them, and another client may make these parents with other ones.
   * This stays when the transaction removes them.
   */
  seeInherited(path: string): void {
    const seen = this.touched.get(path)!;
    if (seen.createdWith === null || (this.#ownDoing(seen) & SEEN_PERMS) !== 0) return;
    const inherited = this.inherited ??= new Map();
    for (let above = parentPath(path);; above = parentPath(above)) {
      const touched = this.touched.get(above);
      if (touched === undefined || touched.createdWith === null || inherited.has(above)) return;
      inherited.set(touched.path, touched.createdWith);
    }
  }

  #touch(path: string, hash?: number): Touched {
    let touched = this.touched.get(path, hash);
    if (touched === undefined) {
      const names = sharedNames(path);
      this.touched.add(touched = newTouched(path, this.touched.size, names), hash);
      this.bytes += path.length;
      if (names !== null) this.#namesBytes += namesBytes(names.count);
    }
    return touched;
  }

  /** The facets of a node that no other connection's change can alter any more. */
  #ownDoing({ path, permsSet, removed, valueSet }: Touched): number {
    const all = SEEN_EXISTENCE | SEEN_VALUE | SEEN_PERMS | SEEN_CHILDREN;
    if (removed || this.removedAbove(path)) return all;
    return (valueSet ? SEEN_VALUE | SEEN_EXISTENCE : 0) | (permsSet ? SEEN_PERMS : 0);
  }

  /**
   * Gives the node at `path` a value; with `perms`, it and its missing parents are made first, below
   * what has the first `aboveLength` characters of its path.
   */
  write(
    path: string,
    value: Uint8Array,
    perms: Perms | null,
    origin: Origin,
    aboveLength: number,
  ): void {
    if (perms !== null) this.create(path, perms, origin, aboveLength);
    const draft = this.#draft;
    if (draft !== null) draft.setValue(path, value, origin);
    const touched = this.#writing(path);
    if (draft === null) touched.value = value;
    touched.valueSet = true;
    touched.named = true;
    this.bytes += value.length - touched.valueBytes;
    touched.valueBytes = value.length;
  }

  /** Makes the node at `path` and its missing parents, below what has `aboveLength` of its characters. */
  create(path: string, perms: Perms, origin: Origin, aboveLength: number): void {
    const made = this.#edit().create(path, perms, origin, aboveLength);
    let touched: Touched;
    let to = aboveLength, hash = 0;
    if (path.length > OWN_KEY_MAX) hash = pathHash(path, to);
    do {
      const slash = path.indexOf("/", to + 1), from = to;
      to = slash < 0 ? path.length : slash;
      if (path.length > OWN_KEY_MAX) hash = pathHash(path, to, from, hash);
      const { size } = this.touched;
      touched = this.#writing(path.slice(0, to), hash);
      const isPart = to > OWN_KEY_MAX && to < path.length && this.touched.size > size;
      if (isPart) this.#sharedBytes += to;
      touched.again ||= touched.createdWith !== null;
      // Not what it was to inherit: that may name a domain which is dying.
      touched.createdWith = made.perms;
      // Made again, it comes behind siblings that were made meanwhile.
      touched.turn = ++this.#turn;
    } while (to < path.length);
    touched.named = true;
  }

  /** Removes the node at `path` with all below. */
  remove(path: string, origin: Origin): void {
    this.#edit().remove(path, origin);
    const touched = this.#writing(path);
    touched.createdWith = null;
    touched.valueSet = touched.permsSet = false;
    touched.named = true;
    this.bytes -= touched.valueBytes;
    touched.valueBytes = 0;
    // Even a node of its own making: another client may have made the same one meanwhile.
    if (!touched.removed && !this.removedAbove(path)) {
      touched.removed = true;
      (this.#removed ??= new PathSet()).add(path);
    }
  }

  setPerms(path: string, perms: Perms, origin: Origin): void {
    this.#edit().setPerms(path, perms, origin);
    const touched = this.#writing(path);
    touched.permsSet = true;
    touched.named = true;
    this.setsPerms = true;
    this.bytes += 8 * perms.length;
  }

  /** Notes that a domain has died, which permissions must not name any more. */
  noteDeath(domid: number): void {
    (this.died ??= new Set()).add(domid);
  }

  /** Whether it has removed a node above `path`. */
  removedAbove(path: string): boolean {
    return this.#removed !== null && this.#removed.hasAbove(path);
  }

  #edit(): Draft {
    const { root } = this;
    return this.#draft ??= new Draft(root, this.committed.versions, this.accounts);
  }

  #writing(path: string, hash?: number): Touched {
    const touched = this.#touch(path, hash);
    if (!touched.written) {
      touched.written = true;
      touched.turn = ++this.#turn;
      // Most have one, and a list that is made with it takes no room for more.
      if (this.written.length === 0) this.written = [touched];
      else this.written.push(touched);
    }
    return touched;
  }
}
