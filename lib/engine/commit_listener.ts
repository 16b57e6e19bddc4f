import type { ConnectionBase } from "./connection_base.ts";
import { lookup } from "../store/lookup.ts";
import type { Draft } from "../store/draft.ts";
import type { Node } from "../store/node.ts";
import { isSpecial } from "../store/path.ts";
import {
  type Change,
  type ChangeVisitor,
  type NodeState,
  TreeChanges,
  visitAll,
} from "../store/tree_changes.ts";
import { type Author, authorOf, DAEMON, nameIn, RingAuthor } from "./author.ts";
import type { Conflict } from "./conflict.ts";
import type { Connection } from "./connection.ts";
import type { Domain, Domains } from "./domains.ts";
import type { Transaction } from "./transaction.ts";
import { homePath } from "../wire/home_path.ts";

/** What a commit did besides changing nodes, and what must be known of it. */
export type Deed =
  | { readonly kind: "transaction"; readonly id: number; readonly operations: number }
  | { readonly kind: "introduced"; readonly domid: number; readonly port: number }
  | { readonly kind: "released" | "resumed" | "restored"; readonly domid: number }
  | { readonly kind: "target"; readonly domid: number; readonly target: number }
  | { readonly kind: "features"; readonly domid: number; readonly features: number }
  /** Of a domain, or (null) of new ones. */
  | { readonly kind: "quota"; readonly domid: number | null; readonly name: string } & Numbers
  | { readonly kind: "setting"; readonly name: string; readonly value: string }
  /** A domain died; what it leaves goes in this commit and in those of the same group. */
  | { readonly kind: "died"; readonly name: string | null } & Holder
  /** Nothing is left of it. */
  | { readonly kind: "erased" } & Holder
  | { readonly kind: "started"; readonly after: StartedAfter };

interface Numbers {
  readonly old: number;
  readonly new: number;
}

interface Holder {
  readonly domid: number;
  readonly uniqueId: bigint;
}

/** What was before a start: no store, a daemon's orderly end or its death, a boot of the host, or another one in this process. */
export type StartedAfter = "nothing" | "end" | "death" | "boot" | "live update";

/** What led to a commit: a client's request, or something else. */
export type CommitKind = "request" | "death" | "restore" | "start" | "repair";

/** All that changed in one moment. It is valid during the call that tells of it. */
export interface Commit {
  readonly kind: CommitKind;
  readonly author: Author;
  /** The type of the request, where one led to it; a transaction's is TRANSACTION_END. */
  readonly type: number | null;
  readonly deeds: readonly Deed[];
  /** Commits of one number, which is not 0, belong together: a death that takes several turns. */
  readonly group: number;
  /**
   * Visits each path whose value, permissions or existence changed, once, as it is found: there may be very many. What a
   * client sets to what it was counts as a change, but not in a transaction.
   */
  visit(visitor: ChangeVisitor): void;
  /** The change, where it is the only one; null where there may be more. What is true of nodes is true of it. */
  readonly only: Change | null;
}

/** A transaction that could not be committed. */
export interface Abort {
  readonly author: Author;
  readonly id: number;
  /** Requests in it. */
  readonly operations: number;
  /** The first thing that it saw which is no longer so; null where that is not why. */
  readonly conflict: Conflict | null;
}

/** The second of the engine's two hooks: told of each commit as it is done, and of those that fail. */
export interface CommitListener {
  /** Returns the cost of the record, in units of the meter, which the client pays; nothing if that is little. */
  committed(commit: Commit): number | void;
  /**
   * As {@link committed}, of a commit that is like the one told last: a request of the same author and type, whose only change is one of
   * the same path. Returns its cost, or a negative number if it must be told in the usual way.
   */
  repeated?(old: NodeState, now: NodeState): number;
  /** Returns the number by which the abort can be asked about later; nothing where there is none. */
  aborted(abort: Abort): number | void;
}

/** What was going on when something else had to be done first. */
export interface Suspended {
  readonly changes: TreeChanges;
  readonly deeds: Deed[];
}

/** The commit that listeners get: the same object each time, to allocate nothing. */
class CurrentCommit implements Commit {
  kind: CommitKind = "request";
  author: Author = DAEMON;
  type: number | null = null;
  deeds: readonly Deed[] = [];
  group = 0;
  isAll = false;
  #changes: TreeChanges = new TreeChanges();

  constructor(
    private readonly tree: Draft,
    private readonly specials: ReadonlyMap<string, Node>,
  ) {}

  /** The changes of the tree. */
  set did(changes: TreeChanges) {
    this.#changes = changes;
  }

  get only(): Change | null {
    return this.isAll ? null : this.#changes.only;
  }

  visit(visitor: ChangeVisitor): void {
    if (this.isAll) visitAll(this.tree.root, this.specials, visitor);
    else this.#changes.visit(this.tree.root, this.#find, visitor);
  }

  readonly #find = (path: string): Node | null =>
    isSpecial(path) ? this.specials.get(path) ?? null : lookup(this.tree.root, path);
}

/** Puts together what belongs to one commit, for who listens. */
export class Commits {
  #changes = new TreeChanges();
  #deeds: Deed[] = [];
  #dead: Deed[] = [];
  /** The number of the deaths that are being dealt with, or were last. */
  #group = 0;
  #isDying = false;
  /** Of the commit that was told last, if that was a request that only changed one path. */
  #lastAuthor: Author | null = null;
  #lastType = 0;
  #lastPath = "";
  readonly #commit: CurrentCommit;

  constructor(
    private readonly listener: CommitListener,
    private readonly tree: Draft,
    specials: ReadonlyMap<string, Node>,
    private readonly domains: Domains,
  ) {
    tree.observer = this.#changes;
    this.#commit = new CurrentCommit(tree, specials);
  }

  /** Something was done beside changing nodes. */
  note(deed: Deed): void {
    this.#deeds.push(deed);
  }

  /** A special's permissions are about to change. */
  special(path: string, node: Node): void {
    this.#changes.changing(path, node);
  }

  /** A transaction is committed. */
  transaction({ id, operations }: Transaction): void {
    this.note({ kind: "transaction", id, operations });
  }

  /** A request begins. */
  begin(): void {
    if (this.#isPending) this.#tell("repair", DAEMON);
  }

  /** A request is done; nothing is told of one that changed nothing. */
  request(connection: Connection, type: number): void {
    if (!this.#isPending) return;
    const author = this.#authorOf(connection);
    if (author === this.#lastAuthor && type === this.#lastType && this.#tellAgain()) return;
    const path = this.#deeds.length > 0 ? null : this.#changes.only?.path ?? null;
    this.#tell("request", author, type);
    if (path === null) return;
    this.#lastAuthor = author;
    this.#lastType = type;
    this.#lastPath = path;
  }

  /** Tells that the last request came once more; false if it was another, or the listener wants to be told in the usual way. */
  #tellAgain(): boolean {
    const changes = this.#changes, { listener } = this;
    if (listener.repeated === undefined || this.#deeds.length > 0) return false;
    const node = changes.onlyAt(this.#lastPath);
    if (node === null) return false;
    const units = listener.repeated(changes.before, node);
    if (units < 0) return false;
    if (units > 0) this.tree.versions.meter.add(units);
    changes.forgetOnly();
    return true;
  }

  /** A restore has taken effect: of one domain's part, or (null) of the whole store. */
  restored(by: Connection, domid: number | null): void {
    if (domid !== null) this.note({ kind: "restored", domid });
    this.#tell("restore", this.#authorOf(by));
  }

  /** The daemon has begun; where there was nothing before, or another boot of the host, all nodes are new. */
  started(after: StartedAfter): void {
    this.#changes.clear();
    this.#deeds = [{ kind: "started", after }];
    this.#tell("start", DAEMON, null, 0, after === "nothing" || after === "boot");
  }

  get #isPending(): boolean {
    return !this.#changes.isEmpty || this.#deeds.length > 0;
  }

  /** A domain has died: it is told with what is erased next. */
  died({ domid, uniqueId }: Domain): void {
    if (!this.#isDying) this.#group++;
    this.#isDying = true;
    const name = nameIn(this.tree.root, homePath(domid));
    this.#dead.push({ kind: "died", domid, uniqueId, name });
  }

  /** Nothing is left of a domain that died. */
  erased({ domid, uniqueId }: Domain): void {
    this.#dead.push({ kind: "erased", domid, uniqueId });
  }

  /** What dead domains left is about to be erased, maybe in the middle of a request. */
  suspend(): Suspended {
    const suspended = { changes: this.#changes, deeds: this.#deeds };
    this.tree.observer = this.#changes = new TreeChanges();
    this.#deeds = this.#dead;
    this.#dead = [];
    return suspended;
  }

  /** A part of it is, or (`isLast`) the rest; what was going on goes on. */
  resume({ changes, deeds }: Suspended, isLast: boolean): void {
    this.#deeds.push(...this.#dead);
    this.#dead = [];
    if (this.#isPending) this.#tell("death", DAEMON, null, this.#group);
    if (isLast) this.#isDying = false;
    this.tree.observer = this.#changes = changes;
    this.#deeds = deeds;
  }

  /** A commit has failed. */
  aborted({ connection, id, operations }: Transaction, conflict: Conflict | null): number | void {
    return this.listener.aborted({ author: this.#authorOf(connection), id, operations, conflict });
  }

  #authorOf(connection: ConnectionBase): Author {
    const { domid, home, kind } = connection, { root } = this.tree;
    if (kind === "socket") return authorOf(connection, root, null);
    const uniqueId = this.domains.get(domid)?.uniqueId ?? null;
    return (connection.author ??= new RingAuthor(domid, home)).now(root, uniqueId);
  }

  #tell(
    kind: CommitKind,
    author: Author,
    type: number | null = null,
    group = 0,
    isAll = false,
  ): void {
    const commit = this.#commit;
    commit.kind = kind;
    commit.author = author;
    commit.type = type;
    commit.deeds = this.#deeds;
    commit.group = group;
    commit.isAll = isAll;
    commit.did = this.#changes;
    this.#lastAuthor = null;
    const units = this.listener.committed(commit);
    if (units !== undefined) this.tree.versions.meter.add(units);
    this.#changes.clear();
    if (this.#deeds.length > 0) this.#deeds = [];
  }
}
