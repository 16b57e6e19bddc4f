import { RESTORE_TEXT_BYTES_MAX } from "../limits.ts";
import { NO_VALUE } from "../store/node.ts";
import { copyBytes } from "../wire/text.ts";
import { canonicalPath, isSpecial, parentPath, ROOT_PATH } from "../store/path.ts";
import { equalPerms, isStale, ownerOf, permDomid, type Perms } from "../store/perms.ts";
import { type DomainMapping, mapPath, mapPerms } from "../state/domain_part.ts";
import type {
  ConnectionDetail,
  ConnectionRecord,
  DomainDetail,
  DomainRecord,
  GlobalRecord,
  MigrationRecord,
  NodeRecord,
  QuotaRecord,
  RingDetail,
  SettingDetail,
  WatchRecord,
} from "../codec/records.ts";

/** A stream that says something impossible, or that this store can't take: nothing was changed. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
}

/** A node to be restored, at the path where it is to be. */
export interface PlannedNode {
  readonly path: string;
  readonly value: Uint8Array;
  readonly perms: Perms;
}

/** A transaction that was open, with what it had done. */
export interface PlannedTransaction {
  readonly id: number;
  readonly nodes: NodeRecord[];
}

/** A connection with all that it holds. */
export interface PlannedConnection {
  readonly record: ConnectionRecord;
  ring: RingDetail | null;
  detail: ConnectionDetail | null;
  /** By path, NUL, token, in order of registration. */
  readonly watches: Map<string, WatchRecord>;
  readonly transactions: Map<number, PlannedTransaction>;
}

/** What a stream says of a domain. */
export interface PlannedDomain {
  record: DomainRecord | null;
  detail: DomainDetail | null;
  /** Its ring's connection. */
  connection: PlannedConnection | null;
}

/** What a domain would own, in the units of its quotas. */
export interface Owned {
  nodes: number;
  memory: number;
  /** Size of the biggest node, and entries of the longest list of permissions. */
  biggest: number;
  perms: number;
}

/** A stream in order: everything in it has been checked as far as it can be without a store. */
export interface RestorePlan {
  global: GlobalRecord | null;
  /** What CONTROL had set in the daemon, by name. */
  readonly settings: Map<string, SettingDetail>;
  quota: QuotaRecord | null;
  /** Parents before children, siblings in their order; of a whole store the root first. */
  readonly nodes: Map<string, PlannedNode>;
  readonly specials: Map<string, PlannedNode>;
  readonly connections: Map<number, PlannedConnection>;
  readonly domains: Map<number, PlannedDomain>;
  /** What the nodes add up to, by the domid of their owner. */
  readonly owned: Map<number, Owned>;
  /** Domids that own a node or a special, or that an entry names which is not stale. */
  readonly named: Set<number>;
  /** Of a domain's part: how many nodes of the stream are not the domain's. */
  others: number;
}

const SLASH = 0x2f;
/** A name in a path (xenstore.txt, "Xenstore overview"). */
const NAME = /^[\w\-@]+$/;

/** Records between two pauses of {@link planRestore}: some hundred microseconds of work. */
export const RECORDS_PER_PAUSE = 256;

/**
 * Puts a stream's records in order and checks them against each other: paths, parents, permissions,
 * ids that are given twice, connections and transactions that are not there. With a `mapping` only
 * that domain's part is taken. Yields now and then, so that whoever has other work can do it.
 *
 * @throws {RestoreError} that names the first record that can't be.
 */
export function* planRestore(
  records: Iterable<MigrationRecord>,
  mapping: DomainMapping | null = null,
): Generator<void, RestorePlan> {
  const planner = new Planner(mapping);
  let number = 0;
  for (const record of records) {
    planner.take(record, ++number);
    if (number % RECORDS_PER_PAUSE === 0) yield;
  }
  return yield* planner.finish();
}

/** {@link planRestore} without pauses. */
export function planAtOnce(
  records: Iterable<MigrationRecord>,
  mapping: DomainMapping | null = null,
): RestorePlan {
  const steps = planRestore(records, mapping);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

class Planner {
  readonly #plan: RestorePlan = {
    global: null,
    quota: null,
    nodes: new Map(),
    specials: new Map(),
    connections: new Map(),
    domains: new Map(),
    settings: new Map(),
    owned: new Map(),
    named: new Set(),
    others: 0,
  };
  /** Which need something that may come later: looked at again at the end. */
  readonly #late: [record: MigrationRecord, number: number][] = [];

  /** The permissions of the latest node. */
  #perms: Perms = [];
  /** The parent of the latest node; empty when that is the root. */
  #parent = "";

  constructor(private readonly mapping: DomainMapping | null) {}

  take(record: MigrationRecord, number: number): void {
    switch (record.kind) {
      case "node":
        if (record.connection !== 0 || record.transaction !== 0) this.#late.push([record, number]);
        else this.#node(record, number);
        return;
      case "connection":
        return this.#connection(record, number);
      case "domain":
      case "domain-detail":
        return this.#domain(record, number);
      case "quota":
        if (this.#plan.quota !== null) throw refusal(number, "the quotas come a second time");
        this.#plan.quota = record;
        return;
      case "setting-detail":
        this.#plan.settings.set(record.name, record);
        return;
      case "global":
        if (this.#plan.global !== null) throw refusal(number, "GLOBAL_DATA comes a second time");
        this.#plan.global = record;
        return;
      default:
        this.#late.push([record, number]);
    }
  }

  *finish(): Generator<void, RestorePlan> {
    const plan = this.#plan;
    let count = 0;
    // Transactions before their nodes, whatever the order in the stream.
    for (const ofNodes of [false, true]) {
      for (const [record, number] of this.#late) {
        if ((record.kind === "node") === ofNodes) this.#held(record, number);
        if (++count % RECORDS_PER_PAUSE === 0) yield;
      }
    }
    if (this.mapping !== null) return this.#part(this.mapping);
    if (!plan.nodes.has(ROOT_PATH)) {
      throw new RestoreError("this is no whole store: it has no nodes");
    }
    return plan;
  }

  #part({ from, to }: DomainMapping): RestorePlan {
    const plan = this.#plan;
    if (plan.nodes.size > 0 || plan.domains.has(from)) return plan;
    const as = from === to ? "" : ` (to become domain ${to})`;
    throw new RestoreError(`there is nothing of domain ${from}${as} in it`);
  }

  #node(record: NodeRecord, number: number): void {
    const { mapping } = this;
    const what = mapping === null ? record.path : mapPath(record.path, mapping);
    if (what === null) return void this.#plan.others++;
    const path = this.#isSibling(what) ? what : checkPath(what, number);
    if (record.value.length > RESTORE_TEXT_BYTES_MAX) {
      throw tooLong(number, `the value of ${path}`, record.value.length);
    }
    if (record.perms.length === 0) throw refusal(number, `${path} has no permissions`);
    const perms = this.#shared(mapping === null ? record.perms : mapPerms(record.perms, mapping));
    // A copy: one node that lives on must not keep the whole file's bytes.
    const value = record.value.length === 0 ? NO_VALUE : copyBytes(record.value, 0);
    const node = { path, value, perms };
    const { named, nodes, specials } = this.#plan;
    const table = isSpecial(path) ? specials : nodes;
    if (table.has(path)) throw refusal(number, `${path} comes a second time`);
    if (table === nodes && path !== ROOT_PATH && !this.#hasParent(path)) {
      // A domain's part begins below nodes that are not its own.
      if (mapping === null && nodes.size === 0) throw noWholeStore(path);
      if (mapping === null || !isTop(path)) {
        throw refusal(number, `${path} comes before its parent`);
      }
    }
    table.set(path, node);
    for (let i = 0; i < perms.length; i++) {
      if (i === 0 || !isStale(perms[i]!)) named.add(permDomid(perms[i]!));
    }
    if (table === nodes) this.#own(node);
  }

  /** Neighbours often have the same permissions: one list does for all of them. */
  #shared(perms: Perms): Perms {
    return this.#perms = equalPerms(this.#perms, perms) ? this.#perms : perms;
  }

  /** Whether a path is well formed, for all that the one before it shows. */
  #isSibling(path: string): boolean {
    const parent = this.#parent;
    const from = parent.length + 1;
    if (parent === "" || path.length > RESTORE_TEXT_BYTES_MAX) return false;
    if (path.charCodeAt(parent.length) !== SLASH || !path.startsWith(parent)) return false;
    return path.length > from && NAME.test(path.slice(from));
  }

  /** Siblings follow each other: their parent is looked up once. */
  #hasParent(path: string): boolean {
    const parent = parentPath(path);
    if (parent === this.#parent) return true;
    if (!this.#plan.nodes.has(parent)) return false;
    this.#parent = parent === ROOT_PATH ? "" : parent;
    return true;
  }

  #own({ path, perms, value }: PlannedNode): void {
    const { owned } = this.#plan;
    const owner = ownerOf(perms);
    let sum = owned.get(owner);
    if (sum === undefined) {
      owned.set(owner, sum = { nodes: 0, memory: 0, biggest: 0, perms: 0 });
    }
    const size = 16 + 8 * perms.length + value.length;
    sum.nodes++;
    sum.memory += size + path.length;
    sum.biggest = Math.max(sum.biggest, size);
    sum.perms = Math.max(sum.perms, perms.length);
  }

  #connection(record: ConnectionRecord, number: number): void {
    const { connections } = this.#plan;
    const { end, id } = record;
    if (id === 0) throw refusal(number, "a connection has the number 0, which stands for none");
    if (connections.has(id)) throw refusal(number, `connection ${id} comes a second time`);
    if (end.kind === "ring") {
      const domain = this.#domainOf(end.domid);
      if (domain.connection !== null) {
        throw refusal(number, `domain ${end.domid} has a second ring`);
      }
      const planned = newConnection(record);
      domain.connection = planned;
      connections.set(id, planned);
    } else connections.set(id, newConnection(record));
  }

  #domain(record: DomainRecord | DomainDetail, number: number): void {
    const domain = this.#domainOf(record.domid);
    const before = record.kind === "domain" ? domain.record : domain.detail;
    if (before !== null) throw refusal(number, `domain ${record.domid} comes a second time`);
    if (record.kind === "domain") domain.record = record;
    else domain.detail = record;
  }

  #domainOf(domid: number): PlannedDomain {
    const { domains } = this.#plan;
    let domain = domains.get(domid);
    if (domain === undefined) {
      domains.set(domid, domain = { record: null, detail: null, connection: null });
    }
    return domain;
  }

  /** A watch on the domain's own nodes by their whole path follows them. */
  #mapped(record: WatchRecord): WatchRecord {
    const { path } = record, { mapping } = this;
    const is = mapping === null || mapping.from === mapping.to ? null : mapPath(path, mapping);
    return is === null ? record : { ...record, path: is };
  }

  /** What hangs on a connection. */
  #held(record: MigrationRecord, number: number): void {
    if (!("connection" in record)) return;
    const connection = this.#plan.connections.get(record.connection);
    if (connection === undefined) {
      throw refusal(number, `there is no connection ${record.connection}`);
    }
    switch (record.kind) {
      case "watch":
        return holdWatch(connection, this.#mapped(record), number);
      case "ring-detail":
        connection.ring = record;
        return;
      case "connection-detail":
        connection.detail = record;
        return;
      case "transaction":
        if (connection.transactions.has(record.id)) {
          throw refusal(number, `transaction ${record.id} comes a second time`);
        }
        connection.transactions.set(record.id, { id: record.id, nodes: [] });
        return;
      case "transaction-detail":
        return void transactionOf(connection, record.id, number);
      default:
        return holdNode(connection, record, number);
    }
  }
}

function newConnection(record: ConnectionRecord): PlannedConnection {
  return { record, ring: null, detail: null, watches: new Map(), transactions: new Map() };
}

function holdWatch(connection: PlannedConnection, record: WatchRecord, number: number): void {
  const { path, token } = record;
  if (canonicalPath(path, "", true) === null) throw refusal(number, `'${path}' is no path`);
  if (Math.max(path.length, token.length) > RESTORE_TEXT_BYTES_MAX) {
    throw tooLong(number, "a watch's path or token", Math.max(path.length, token.length));
  }
  const key = `${path}\0${token}`;
  if (connection.watches.has(key)) {
    throw refusal(number, `the watch on ${path} with token '${token}' comes a second time`);
  }
  connection.watches.set(key, record);
}

function holdNode(connection: PlannedConnection, record: NodeRecord, number: number): void {
  checkPath(record.path, number);
  transactionOf(connection, record.transaction, number).nodes.push(record);
}

function transactionOf(
  connection: PlannedConnection,
  id: number,
  number: number,
): PlannedTransaction {
  const transaction = connection.transactions.get(id);
  if (transaction !== undefined) return transaction;
  throw refusal(number, `connection ${connection.record.id} has no transaction ${id}`);
}

/** A path whose parent is not the domain's own. */
function isTop(path: string): boolean {
  return /^\/(?:local\/domain|libxl|vm)\/[\w\-@]+$/.test(path);
}

function noWholeStore(first: string): RestoreError {
  return new RestoreError(
    `this is no whole store: its first node is ${first}, not /; ` +
      "what was dumped with --domain is restored with --domain",
  );
}

function checkPath(path: string, number: number): string {
  if (path.length > RESTORE_TEXT_BYTES_MAX) {
    throw tooLong(number, `the path ${path.slice(0, 64)}...`, path.length);
  }
  if (canonicalPath(path, "", true) === path) return path;
  throw refusal(number, `'${path}' is no path: names have only A-Z a-z 0-9 - _ @, after one slash`);
}

function tooLong(number: number, what: string, bytes: number): RestoreError {
  return refusal(number, `${what} has ${bytes} bytes: at most ${RESTORE_TEXT_BYTES_MAX} can be`);
}

function refusal(number: number, problem: string): RestoreError {
  return new RestoreError(`record ${number}: ${problem}`);
}
