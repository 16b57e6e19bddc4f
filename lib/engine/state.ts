import { MalformedMessages } from "./malformed_messages.ts";
import { Accounts } from "./accounts.ts";
import { type DaemonActions, NO_ACTIONS } from "./daemon_actions.ts";
import { Versions } from "../store/versions.ts";
import { Draft } from "../store/draft.ts";
import { lookup } from "../store/lookup.ts";
import { newNode, type Node, type Origin } from "../store/node.ts";
import { DOMID_ANY, permEntry, type Perms, READ } from "../store/perms.ts";
import { type ErrorCode, OK } from "../wire/errors.ts";
import { domainText } from "./author.ts";
import { type CommitListener, Commits } from "./commit_listener.ts";
import { Connection } from "./connection.ts";
import { CONNECTION, type ConnectionSpec, type Outbox } from "./connection_base.ts";
import type { DomainControl } from "./domain_control.ts";
import type { Dirty } from "./dirty.ts";
import { type Domain, Domains } from "./domains.ts";
import { Counters } from "./counters.ts";
import { Erasures } from "./erase.ts";
import { EventReaders } from "./event_readers.ts";
import { DomainLogBudgets } from "./domain_log_budget.ts";
import { DaemonMemoryLimit } from "./daemon_memory_limit.ts";
import { CONNECTION_BYTES, watchOverhead } from "./memory_model.ts";
import { MemoryReports } from "./memory_reports.ts";
import { FORGET_UNITS, Meter, REGISTRATION_UNITS } from "./work_meter.ts";
import { QuotaReports } from "./quota_reports.ts";
import { CommitReservations } from "./commit_reservations.ts";
import { isPrivileged } from "./rights.ts";
import { Settings } from "./settings.ts";
import { TRANSACTION, type Transaction } from "./transaction.ts";
import { LiveUpdate } from "./live_update_session.ts";
import { watchKey } from "../state/store_records.ts";
import { WATCH, type Watch, Watches } from "./watches.ts";
import { homePath } from "../wire/home_path.ts";

export type LogLevel = "info" | "warning";
export type Log = (level: LogLevel, text: string) => void;

export const INTRODUCE_DOMAIN = "@introduceDomain";
export const RELEASE_DOMAIN = "@releaseDomain";

/** What an engine is made of. */
export interface EngineOptions {
  readonly domains: DomainControl;
  /** The domain with all rights; normally 0. */
  readonly privDomid?: number;
  /** The domain that the daemon and its sockets' clients are in; normally 0. */
  readonly storeDomid?: number;
  /** Nodes of a dead domain fall to the privileged one instead of going: a security risk. */
  readonly keepOrphans?: boolean;
  readonly log?: Log;
  readonly admin?: DaemonActions;
  /** Where everything is marked that must survive, when it changes: the journal's seam. */
  readonly dirty?: Dirty;
  /** Told of each commit. */
  readonly listener?: CommitListener;
  /** No client can change the store: what would answers EROFS. */
  readonly readOnly?: boolean;
}

/** Everything the engine knows; its handlers change nothing else. */
export class State {
  readonly control: DomainControl;
  readonly privDomid: number;
  readonly storeDomid: number;
  readonly keepOrphans: boolean;
  /** There is no space for changes to be kept: what would make any is refused with ENOSPC. */
  full = false;
  /** While there is none: bytes of watches that may be registered or dropped nevertheless. */
  spaceLeft = 0;
  /** For what no client can cause, or not again and again; all else goes through {@link tell}. */
  readonly log: Log;
  readonly logBudgets: DomainLogBudgets;
  readonly malformed: MalformedMessages = new MalformedMessages();
  readonly admin: DaemonActions;
  readonly dirty: Dirty | null;
  /** What tells of commits; null where nobody listens. */
  readonly commits: Commits | null;
  readonly settings: Settings;
  readonly accounts: Accounts = new Accounts();
  readonly memoryReports: MemoryReports;
  readonly quotaReports: QuotaReports;
  readonly memory: DaemonMemoryLimit;
  readonly watches: Watches = new Watches();
  readonly domains: Domains;
  readonly events: EventReaders;
  /** What is counted of the daemon as a whole; of a domain in its account. */
  readonly counters: Counters = new Counters();
  /** Counts the work of requests, for the turn. */
  readonly meter: Meter = new Meter();
  readonly versions: Versions = new Versions(this.meter);
  readonly tree: Draft;
  /** What is left of domains that have died. */
  readonly erasures: Erasures = new Erasures(this);
  /** Not part of the tree: they have permissions and watches, but no value and no children. */
  readonly specials: Map<string, Node> = new Map();
  readonly connections: Set<Connection> = new Set();
  readonly reservations: CommitReservations = new CommitReservations();
  readonly liveUpdate: LiveUpdate = new LiveUpdate(
    () => this.admin.liveUpdate,
    this.connections,
    () => this.settings,
  );
  /** The time as the engine was told it last, in ms. */
  now = 0;
  #connectionIdLast = 0;

  constructor(options: EngineOptions) {
    this.control = options.domains;
    this.privDomid = options.privDomid ?? 0;
    this.storeDomid = options.storeDomid ?? 0;
    this.keepOrphans = options.keepOrphans ?? false;
    this.log = options.log ?? (() => {});
    this.logBudgets = new DomainLogBudgets(this.privDomid);
    this.memoryReports = new MemoryReports(this);
    const nameOf = (domid: number): string => domainText(this.tree.root, domid);
    this.quotaReports = new QuotaReports(this.log, this.privDomid, nameOf);
    this.memory = new DaemonMemoryLimit(this.accounts, this.log);
    this.admin = options.admin ?? NO_ACTIONS;
    this.dirty = options.dirty ?? null;
    this.dirty?.attach(this.meter);
    this.settings = new Settings(this.admin, this.dirty);
    this.domains = new Domains(options.domains, this.dirty);
    this.domains.onReturn = (domid) => this.erasures.finish(domid);
    this.events = new EventReaders(this.watches, this.domains, this.meter);
    const origin = { label: "the start of the daemon" };
    const perms = [permEntry(this.privDomid, 0)];
    const root = newNode("", 0, this.versions.nextEpoch(), perms);
    this.accounts.charge(this.privDomid, 1, 16 + 8 + 1);
    this.tree = new Draft(root, this.versions, this.accounts, this.dirty?.nodes ?? null, true);
    this.#plant(perms, origin);
    const { listener } = options;
    this.commits = listener === undefined
      ? null
      : new Commits(listener, this.tree, this.specials, this.domains);
    const uniqueId = options.domains.info(this.privDomid)?.uniqueId ?? 0n;
    this.domains.add(this.privDomid, uniqueId).introduced = true;
  }

  /** The tree that every store starts with (reference section 2.7). */
  #plant(perms: Perms, origin: Origin): void {
    const planted = [
      this.tree.root,
      this.tree.create("/tool", perms, origin),
      this.tree.create("/tool/xenstored", perms, origin),
    ];
    const readable = [...perms, permEntry(DOMID_ANY, READ)];
    this.specials.set(RELEASE_DOMAIN, newNode(RELEASE_DOMAIN, 0, 0, readable));
    this.specials.set(INTRODUCE_DOMAIN, newNode(INTRODUCE_DOMAIN, 0, 0, perms));
    for (const [path, node] of this.specials) {
      node.origin = origin;
      planted.push(node);
      this.chargeSpecial(path, node.perms, 1);
    }
    planted[0] = this.tree.root;
    planted.forEach((node, index) => node.generation = index + 1);
    this.versions.generation = planted.length;
  }

  /**
   * A line for the log that a client caused, at the expense of domain `domid`; `text` is made
   * when the log takes it.
   */
  tell(level: LogLevel, domid: number, now: number, text: () => string): void {
    const left = this.logBudgets.take(level, domid, now);
    if (left !== null) this.log(level, `${text()}${left}`);
  }

  /** Charges a special to its owner (`sign` 1), or takes the charge back (-1). */
  chargeSpecial(path: string, perms: Perms, sign: 1 | -1): void {
    const bytes = 16 + 8 * perms.length + path.length;
    this.accounts.charge(perms[0]! & 0xffff, sign, sign * bytes);
    for (let i = 1; i < perms.length; i++) this.accounts.mention(perms[i]! & 0xffff, sign);
  }

  /** The committed node at an absolute path, or null. */
  find(path: string): Node | null {
    return lookup(this.tree.root, path);
  }

  connect(spec: ConnectionSpec): Connection {
    const home = homePath(spec.domid);
    const privileged = isPrivileged(spec.domid, this.privDomid);
    const connection = new Connection(++this.#connectionIdLast, privileged, home, spec);
    const account = this.accounts.of(spec.domid);
    connection.account = account;
    account.hold(CONNECTION_BYTES);
    if (spec.kind === "ring") connection.share = account.share;
    this.connections.add(connection);
    if (isHeld(connection)) this.dirty?.mark(CONNECTION, connection);
    return connection;
  }

  /** A domain's connection, before its ring gives it an outbox. */
  connectRing(domid: number): Connection {
    const label = `domain ${domid}`;
    return this.connect({ kind: "ring", domid, label, outbox: CLOSED, key: domid });
  }

  /** Drops a connection with all it holds; again does nothing. */
  disconnect(connection: Connection): void {
    if (!connection.open) return;
    this.resetConnection(connection);
    connection.open = false;
    connection.outbox = CLOSED;
    this.connections.delete(connection);
    connection.account?.hold(-CONNECTION_BYTES);
    if (isHeld(connection)) this.dirty?.mark(CONNECTION, connection);
    this.liveUpdate.forget(connection);
    this.admin.archive?.forget(connection);
    this.admin.history?.forget(connection);
  }

  /** Drops a connection's watches and transactions, as if it were new. */
  resetConnection(connection: Connection): void {
    const watches = [...connection.watches.values()];
    connection.watches.clear();
    for (const watch of watches) this.#forgetWatch(watch);
    for (const transaction of [...connection.transactions.values()]) {
      this.dropTransaction(transaction);
    }
  }

  /** Registers a watch that is not there yet, on a canonical path. */
  addWatch(
    connection: Connection,
    path: string,
    token: string,
    relative: boolean,
    depth: number,
  ): Watch {
    const key = watchKey(path, token);
    const watch = {
      id: this.watches.nextId(),
      connection,
      path,
      relative,
      token,
      depth,
      group: null,
      index: 0,
    };
    this.meter.add(REGISTRATION_UNITS + path.length);
    connection.watches.set(key, watch);
    // Parts of the text that the map keeps anyway, which is there once only if it is cut behind that.
    watch.path = key.slice(0, path.length);
    watch.token = key.slice(path.length + 1);
    this.watches.add(watch);
    this.dirty?.mark(WATCH, watch);
    const account = this.accounts.of(connection.domid);
    account.add("watches", 1);
    account.add("memory", path.length + token.length);
    account.hold(watchOverhead(path));
    return watch;
  }

  dropWatch(watch: Watch): void {
    watch.connection.watches.delete(watchKey(watch.path, watch.token));
    this.#forgetWatch(watch);
  }

  #forgetWatch(watch: Watch): void {
    this.meter.add(FORGET_UNITS);
    this.watches.remove(watch);
    this.dirty?.mark(WATCH, watch);
    const account = this.accounts.of(watch.connection.domid);
    account.add("watches", -1);
    account.add("memory", -(watch.path.length + watch.token.length));
    account.hold(-watchOverhead(watch.path));
  }

  addTransaction(transaction: Transaction): void {
    const { connection } = transaction;
    connection.transactions.add(transaction);
    this.dirty?.mark(TRANSACTION, transaction);
    this.accounts.of(connection.domid).add("transactions", 1);
    this.chargeTransaction(transaction);
  }

  /** Charges its domain for what a transaction holds in memory by now. */
  chargeTransaction(transaction: Transaction): void {
    const { bytes, bytesCharged, overhead, overheadCharged } = transaction;
    const account = this.accounts.of(transaction.connection.domid);
    if (bytes !== bytesCharged) account.charge(0, bytes - bytesCharged);
    if (overhead !== overheadCharged) account.hold(overhead - overheadCharged);
    transaction.bytesCharged = bytes;
    transaction.overheadCharged = overhead;
  }

  /** Releases all that an open transaction holds in memory; it can only end in EAGAIN then. */
  giveUpTransaction(transaction: Transaction): void {
    transaction.giveUp();
    this.chargeTransaction(transaction);
  }

  /** To be called when a transaction may have changed something. */
  noteWriting(transaction: Transaction): void {
    if (transaction.wrote || transaction.written.length === 0) return;
    transaction.wrote = true;
    this.dirty?.mark(TRANSACTION, transaction);
  }

  dropTransaction(transaction: Transaction): void {
    const { connection } = transaction;
    connection.transactions.delete(transaction.id);
    this.reservations.drop(transaction);
    this.dirty?.mark(TRANSACTION, transaction);
    const account = this.accounts.of(connection.domid);
    account.add("transactions", -1);
    account.charge(0, -transaction.bytesCharged);
    account.hold(-transaction.overheadCharged);
    transaction.bytesCharged = transaction.overheadCharged = 0;
    transaction.closeSnapshot();
  }

  /** Connects a domain's ring for the first time; an error leaves nothing behind. */
  openDomain(domid: number, port: number): ErrorCode {
    this.erasures.finish(domid);
    const connection = this.connectRing(domid);
    const error = this.control.open(connection, port);
    if (error !== OK) {
      this.disconnect(connection);
      return error;
    }
    const uniqueId = this.control.info(domid)?.uniqueId ?? 0n;
    const domain = this.domains.get(domid) ?? this.domains.add(domid, uniqueId);
    domain.introduced = true;
    domain.connection = connection;
    domain.port = port;
    this.domains.changed(domain);
    return OK;
  }

  /** Fires a special for a domain: to plain watches, and to those that ask for its domid. */
  announce(special: string, domid: number): void {
    this.announceBatch(special);
    this.announceOne(special, domid);
  }

  announceOne(special: string, domid: number): void {
    this.events.ofSpecial(special, this.specials.get(special)!.perms, this.tree.root, domid);
  }

  announceBatch(special: string): void {
    this.events.ofSpecial(special, this.specials.get(special)!.perms, this.tree.root, null);
  }

  /** Tells the world that a domain is gone. */
  announceRelease(domid: number): void {
    this.announce(RELEASE_DOMAIN, domid);
  }

  /** What running transactions grant to the domid, or have seen granted to it, is for a domain that is gone. */
  noteDeath(domid: number): void {
    for (const { transactions } of this.connections) {
      for (const transaction of transactions.values()) transaction.noteDeath(domid);
    }
  }

  /** A line about a domain, with its name, at the domain's own expense. */
  tellOfDomain(domid: number, text: string): void {
    const line = (): string => `${domainText(this.tree.root, domid)}: ${text}`;
    this.tell("info", domid, this.now, line);
  }

  /** Takes a domain for dead, and does at once all that this entails; `why` is for the log. */
  releaseDomain(domain: Domain, why: string = "destroyed"): void {
    this.beginRelease(domain, why);
    this.erasures.finish(domain.domid);
  }

  /**
   * Takes a domain for dead: its connection goes first, so that it hears nothing of this; then, as
   * {@link erasures} goes on, its nodes and what names it; then the world is told.
   */
  beginRelease(domain: Domain, why: string = "destroyed"): void {
    const { connection, domid } = domain;
    this.tellOfDomain(domid, why);
    if (connection !== null) {
      this.disconnect(connection);
      this.control.close(connection);
      domain.connection = null;
    }
    this.domains.die(domain);
    this.noteDeath(domid);
    this.commits?.died(domain);
    this.erasures.add(domain);
  }
}

/** Whether it is a socket's that outlives this process. */
function isHeld(connection: Connection): boolean {
  return connection.kind === "socket" && connection.key >= 0;
}

/** Where messages to a connection go that is not there any more. */
const CLOSED: Outbox = { reply: () => {}, event: () => {} };
