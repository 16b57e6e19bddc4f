import { PendingAccounts } from "./accounts.ts";
import { Draft } from "../store/draft.ts";
import { emptyWalk, walk } from "../store/lookup.ts";
import type { Node, Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import type { Perms } from "../store/perms.ts";
import type { Connection } from "./connection.ts";

/** What of a node a transaction saw; only what it saw can make its commit fail. */
export const SEEN_EXISTENCE = 1;
export const SEEN_VALUE = 2;
export const SEEN_PERMS = 4;
export const SEEN_CHILDREN = 8;

/** What a transaction did to one node; what the node then is stands in the draft. */
export interface Written {
  /** Whatever was there, with all below, was removed. */
  removed: boolean;
  /** The permissions with which the transaction made the node where there was none. */
  createdWith: Perms | null;
  valueSet: boolean;
  /** That value, as long as the transaction has no draft. */
  value: Uint8Array | null;
  permsSet: boolean;
  /** A request named it, so that its watchers hear of it; implicit parents are not named. */
  named: boolean;
}

/**
 * A running transaction: a snapshot taken when it first looks at a node, a draft of its own made
 * when that has to show what it wrote, and the record of what it saw and did. One that only gives
 * values to nodes that are there never needs a draft, and if it reads nothing, no snapshot either.
 * See commit.ts for its end.
 */
export class Transaction {
  /** The tree it started from; null until it looks at a node. */
  base: Node | null = null;
  #draft: Draft | null = null;
  readonly accounts: PendingAccounts = new PendingAccounts();
  /** What was seen of each path, in order of first access. */
  readonly seen: Map<string, number> = new Map();
  /** What was done to each path, in the order in which it must be done again. */
  readonly written: Map<string, Written> = new Map();
  /** Domids that died while it ran: permissions naming them can't be committed (XSA-322). */
  died: Set<number> | null = null;
  /** Whether it set a node's permissions. */
  setsPerms = false;
  /** The store's generation when it started: what is of a later one, it should not see. */
  generation: number;
  /** Whether it changed anything, and that was recorded. */
  wrote = false;
  /** It was open when the daemon died: what it saw and did is gone, so it can't be committed. */
  lost = false;
  /** It ran into a quota; it can't be committed any more (XSA-415). */
  failed = false;
  /** Bytes that the transaction holds: paths accessed, values and permissions written. */
  bytes = 0;
  /** How many of them the connection's domain has been charged for so far. */
  bytesCharged = 0;
  #removals = 0;

  constructor(
    readonly id: number,
    readonly connection: Connection,
    /** When it started, in ms of the engine's clock. */
    readonly startedAt: number,
    private readonly committed: Draft,
  ) {
    this.generation = committed.clock.generation;
  }

  /** The tree as this transaction sees it. */
  get root(): Node {
    if (this.#draft === null && this.written.size > 0) this.#catchUp();
    return this.#draft?.root ?? (this.base ??= this.committed.snapshot());
  }

  /**
   * Where to look for a node whose value is to be replaced, of which the transaction tells nothing
   * and remembers nothing: not necessarily {@link root}, which costs more. A node missing there is
   * to be looked for again in {@link root}.
   */
  get rootForValues(): Node {
    return this.#draft?.root ?? this.base ?? this.committed.root;
  }

  /** The tree with what it wrote; null as long as that is nothing but values of nodes that are there. */
  get draft(): Draft | null {
    return this.#draft;
  }

  /** Makes the draft, with the values written so far. */
  #catchUp(): void {
    const base = this.base ??= this.committed.snapshot();
    const draft = this.#draft = new Draft(base, this.committed.clock, this.accounts);
    const { origin } = this.connection;
    for (const [path, written] of [...this.written]) {
      // Where there was no snapshot yet, somebody else may have removed it.
      const above = walk(draft.root, path, emptyWalk(draft.root));
      if (above.node === null) this.create(path, above.above.perms, origin);
      draft.setValue(path, written.value!, origin);
      written.value = null;
    }
  }

  /** Records that `facets` of the node at `path` were seen, as far as they are not its own doing. */
  see(path: string, facets: number): void {
    const before = this.seen.get(path);
    if (before === undefined) this.bytes += path.length;
    else if ((before & facets) === facets) return;
    const own = facets === 0 ? 0 : this.#ownDoing(path);
    this.seen.set(path, before === undefined ? facets & ~own : before | facets & ~own);
  }

  /** The facets of `path` that no other connection's change can alter any more. */
  #ownDoing(path: string): number {
    if (this.written.size === 0) return 0;
    const all = SEEN_EXISTENCE | SEEN_VALUE | SEEN_PERMS | SEEN_CHILDREN;
    if (this.#removals > 0) {
      for (let above = path; above !== ROOT_PATH; above = parentPath(above)) {
        if (this.written.get(above)?.removed) return all;
      }
    }
    const written = this.written.get(path);
    if (written === undefined) return 0;
    return (written.valueSet ? SEEN_VALUE | SEEN_EXISTENCE : 0) |
      (written.permsSet ? SEEN_PERMS : 0);
  }

  /** Gives the node at `path` a value, making it and its missing parents with `perms` first. */
  write(path: string, value: Uint8Array, perms: Perms | null, origin: Origin): void {
    if (perms !== null) this.create(path, perms, origin);
    const draft = this.#draft;
    if (draft !== null) draft.setValue(path, value, origin);
    const written = this.#writing(path);
    if (draft === null) written.value = value;
    written.valueSet = true;
    written.named = true;
    this.bytes += value.length;
  }

  /** Makes the node at `path` and its missing parents. */
  create(path: string, perms: Perms, origin: Origin): void {
    const draft = this.#edit();
    const { aboveLength } = walk(draft.root, path, emptyWalk(draft.root));
    for (let to = aboveLength; to < path.length;) {
      to = path.indexOf("/", to + 1);
      if (to < 0) to = path.length;
      const made = path.slice(0, to);
      draft.create(made, perms, origin);
      const before = this.#writing(made);
      // What is made again after a removal must also be done again after it.
      this.written.delete(made);
      this.written.set(made, before);
      before.createdWith = perms;
    }
    this.#writing(path).named = true;
  }

  /** Removes the node at `path` with all below. */
  remove(path: string, origin: Origin): void {
    this.#edit().remove(path, origin);
    const written = this.#writing(path);
    this.written.delete(path);
    this.written.set(path, written);
    written.createdWith = null;
    written.valueSet = written.permsSet = written.named = false;
    // Even a node of its own making: somebody else may have made the same one meanwhile.
    if (!written.removed && !this.#removedAbove(path)) {
      written.removed = true;
      this.#removals++;
    }
  }

  setPerms(path: string, perms: Perms, origin: Origin): void {
    this.#edit().setPerms(path, perms, origin);
    const written = this.#writing(path);
    written.permsSet = true;
    written.named = true;
    this.setsPerms = true;
    this.bytes += 8 * perms.length;
  }

  /** Notes that a domain has died, which permissions must not name any more. */
  noteDeath(domid: number): void {
    (this.died ??= new Set()).add(domid);
  }

  #removedAbove(path: string): boolean {
    if (this.#removals === 0) return false;
    for (let above = path; above !== ROOT_PATH;) {
      above = parentPath(above);
      if (this.written.get(above)?.removed) return true;
    }
    return false;
  }

  #edit(): Draft {
    const { root } = this;
    return this.#draft ??= new Draft(root, this.committed.clock, this.accounts);
  }

  #writing(path: string): Written {
    this.see(path, 0);
    let written = this.written.get(path);
    if (written === undefined) {
      written = {
        removed: false,
        createdWith: null,
        valueSet: false,
        value: null,
        permsSet: false,
        named: false,
      };
      this.written.set(path, written);
    }
    return written;
  }
}
