import { PendingAccounts } from "./accounts.ts";
import { Draft } from "../store/draft.ts";
import { emptyWalk, walk } from "../store/lookup.ts";
import type { Node, Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import type { Perms } from "../store/perms.ts";
import type { Connection } from "./connection.ts";
import {
  newTouched,
  SEEN_CHILDREN,
  SEEN_EXISTENCE,
  SEEN_PERMS,
  SEEN_VALUE,
  type Touched,
} from "./touched.ts";

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
  #accounts: PendingAccounts = new PendingAccounts();
  /** The nodes of which anything was seen, or to which anything was done, in order of first access. */
  readonly touched: Map<string, Touched> = new Map();
  /** Those to which something was done, in the order in which it must be done again. */
  readonly written: Touched[] = [];
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
  /** Whether others have to wait before they change what it sees; see reservations.ts. */
  reserves = false;
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
    if (this.#draft === null && this.written.length > 0) this.#catchUp();
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

  /** What its draft has changed in its domains' counters. */
  get accounts(): PendingAccounts {
    return this.#accounts;
  }

  /** Moves its snapshot to `base`, with what it did done again in `draft`. */
  moveTo(base: Node, draft: Draft | null, accounts: PendingAccounts): void {
    this.base = base;
    this.#draft = draft;
    this.#accounts = accounts;
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
    for (const touched of [...this.written]) {
      const { path, value } = touched;
      const { node, above, aboveLength } = walk(draft.root, path, emptyWalk(draft.root));
      if (node === null) {
        // Somebody removed it before there was a snapshot. What it now inherits counts as seen.
        this.see(path.slice(0, aboveLength) || ROOT_PATH, SEEN_PERMS);
        this.create(path, above.perms, origin);
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

  #touch(path: string): Touched {
    let touched = this.touched.get(path);
    if (touched === undefined) {
      this.touched.set(path, touched = newTouched(path));
      this.bytes += path.length;
    }
    return touched;
  }

  /** The facets of a node that no other connection's change can alter any more. */
  #ownDoing({ path, permsSet, removed, valueSet }: Touched): number {
    const all = SEEN_EXISTENCE | SEEN_VALUE | SEEN_PERMS | SEEN_CHILDREN;
    if (removed || this.#removedAbove(path)) return all;
    return (valueSet ? SEEN_VALUE | SEEN_EXISTENCE : 0) | (permsSet ? SEEN_PERMS : 0);
  }

  /** Gives the node at `path` a value, making it and its missing parents with `perms` first. */
  write(path: string, value: Uint8Array, perms: Perms | null, origin: Origin): void {
    if (perms !== null) this.create(path, perms, origin);
    const draft = this.#draft;
    if (draft !== null) draft.setValue(path, value, origin);
    const touched = this.#writing(path);
    if (draft === null) touched.value = value;
    touched.valueSet = true;
    touched.named = true;
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
      // What is made again after a removal must also be done again after it.
      this.#writingLast(made).createdWith = perms;
    }
    this.#writing(path).named = true;
  }

  /** Removes the node at `path` with all below. */
  remove(path: string, origin: Origin): void {
    this.#edit().remove(path, origin);
    const touched = this.#writingLast(path);
    touched.createdWith = null;
    touched.valueSet = touched.permsSet = touched.named = false;
    // Even a node of its own making: somebody else may have made the same one meanwhile.
    if (!touched.removed && !this.#removedAbove(path)) {
      touched.removed = true;
      this.#removals++;
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

  #removedAbove(path: string): boolean {
    if (this.#removals === 0) return false;
    for (let above = path; above !== ROOT_PATH;) {
      above = parentPath(above);
      if (this.touched.get(above)?.removed) return true;
    }
    return false;
  }

  #edit(): Draft {
    const { root } = this;
    return this.#draft ??= new Draft(root, this.committed.clock, this.accounts);
  }

  #writing(path: string): Touched {
    const touched = this.#touch(path);
    if (!touched.written) {
      touched.written = true;
      this.written.push(touched);
    }
    return touched;
  }

  /** As {@link #writing}: behind all else that was done. */
  #writingLast(path: string): Touched {
    const touched = this.#writing(path);
    if (this.written.at(-1) !== touched) {
      this.written.splice(this.written.indexOf(touched), 1);
      this.written.push(touched);
    }
    return touched;
  }
}
