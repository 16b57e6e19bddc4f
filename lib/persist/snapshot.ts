import type { Connection } from "../engine/connection.ts";
import type { Domain } from "../engine/domains.ts";
import { QUOTAS, type Quotas } from "../engine/quota.ts";
import type { State } from "../engine/state.ts";
import type { Touched } from "../engine/touched.ts";
import type { Transaction } from "../engine/transaction.ts";
import { eventPath, type Watch } from "../engine/watch.ts";
import { lookup, subtree } from "../store/lookup.ts";
import { NO_VALUE, type Node } from "../store/node.ts";
import {
  ACCESS_READ,
  ACCESS_WRITTEN,
  type ConnectionEnd,
  type GlobalRecord,
  type MigrationRecord,
  type NodeRecord,
} from "../codec/records.ts";
import { domainTops } from "../state/domain_part.ts";

/** What of a connection only its transport knows. */
export interface ConnectionIo {
  /** A socket's descriptor, as the stream is to name it; a dump has none: -1. */
  readonly fd: number;
  /** A ring's local event-channel port; 0 where it means nothing to the reader. */
  readonly port: number;
  /** Whole requests not handled yet, then at most one that is not whole. */
  readonly input: Uint8Array;
  /** Bytes owed to the client. */
  readonly output: Uint8Array;
  /** How many bytes of `output`, at its start, end a message that was partly sent. */
  readonly partialResponse: number;
  /** The guest broke its ring and is not listened to. */
  readonly ignored: boolean;
}

/** What {@link capture} is to take. */
export interface CaptureOptions {
  /** Only what belongs to this domain: its nodes, and its connection with all it holds. */
  readonly domid?: number;
  /** GLOBAL_DATA, of a live update. */
  readonly global?: GlobalRecord;
  /** What the transports hold; without it nothing is in flight. */
  readonly io?: (connection: Connection) => ConnectionIo;
  /**
   * For C xenstored, which takes the nodes of transactions for committed ones and dies of domains
   * that were never introduced (reference sections 8.2, 8.5): both are left out, as are unique ids.
   */
  readonly forC?: boolean;
}

/** Everything at one moment. */
export interface Captured {
  /** In the order that all readers take: connections before nodes, parents before children. */
  readonly records: Iterator<MigrationRecord, undefined>;
  /** About how many records there are, for showing progress. */
  readonly expected: number;
  /** The ids that the connections have in the stream. */
  readonly ids: ReadonlyMap<Connection, number>;
}

const NOTHING: ConnectionIo = {
  fd: -1,
  port: 0,
  input: NO_VALUE,
  output: NO_VALUE,
  partialResponse: 0,
  ignored: false,
};

/**
 * Takes the state as it is at this moment. All but the nodes is copied before this returns; the
 * nodes are read from a snapshot as the records are asked for, so that the store may go on changing.
 */
export function capture(state: State, options: CaptureOptions = {}): Captured {
  const { domid, forC = false, global, io = () => NOTHING } = options;
  state.erasures.finishAll();
  const ids = new Map<Connection, number>();
  const head: MigrationRecord[] = [];
  const pending: MigrationRecord[] = [];
  if (global !== undefined) head.push(global);
  if (domid === undefined) {
    head.push(quotaRecord(state.domains.quotas));
    for (const [name, setting] of state.settings) {
      head.push({ kind: "setting-detail", name, ...setting });
    }
  }
  for (const connection of state.connections) {
    if (domid !== undefined && (connection.kind !== "ring" || connection.domid !== domid)) continue;
    ids.set(connection, connection.id);
    putConnection(state, connection, io(connection), forC, head);
    if (!forC) putTransactions(connection, head, pending);
  }
  const last: MigrationRecord[] = [];
  const specials = domid === undefined ? [...state.specials].map(specialRecord) : [];
  for (const domain of state.domains.all()) {
    if (domid !== undefined && domain.domid !== domid) continue;
    if (!forC || domain.introduced) putDomain(domain, last);
  }
  const root = state.tree.snapshot();
  const tops = domid === undefined ? ["/"] : domainTops(root, domid);
  const expected = head.length + pending.length + last.length +
    (domid === undefined ? state.accounts.total("nodes") : state.accounts.of(domid).now.nodes);
  return {
    records: inOrder(head, root, tops, [...specials, ...pending, ...last]),
    expected,
    ids,
  };
}

function* inOrder(
  head: readonly MigrationRecord[],
  root: Node,
  tops: readonly string[],
  last: readonly MigrationRecord[],
): Generator<MigrationRecord, undefined> {
  yield* head;
  for (const top of tops) {
    for (const [path, node] of subtree(lookup(root, top)!, top)) yield nodeRecord(path, node);
  }
  yield* last;
}

function nodeRecord(path: string, { perms, value }: Node): NodeRecord {
  return { kind: "node", connection: 0, transaction: 0, path, value, access: 0, perms };
}

function specialRecord([path, node]: [string, Node]): NodeRecord {
  return nodeRecord(path, node);
}

function quotaValues(quotas: Quotas): Map<string, number> {
  return new Map(QUOTAS.map(({ name }) => [name, quotas.get(name)]));
}

function quotaRecord(quotas: Quotas): MigrationRecord {
  return { kind: "quota", domain: quotaValues(quotas), global: new Map() };
}

function putConnection(
  state: State,
  connection: Connection,
  io: ConnectionIo,
  forC: boolean,
  to: MigrationRecord[],
): void {
  const { domid, id, kind, transactionIdLast, watches } = connection;
  const domain = kind === "ring" ? state.domains.get(domid) : undefined;
  const { fd, ignored, input, output, partialResponse, port } = io;
  const end: ConnectionEnd = kind === "ring"
    ? { kind, domid, target: domain?.target ?? null, port }
    : { kind, fd };
  to.push({
    kind: "connection",
    id,
    end,
    input,
    output,
    partialResponse,
    // Without libxenmanage it is one that we made up, and C xenstored buries whom Xen has another of.
    uniqueId: forC ? null : domain?.uniqueId ?? null,
  });
  to.push({ kind: "connection-detail", connection: id, transactionIdLast, ignored });
  if (domain !== undefined) {
    to.push({ kind: "ring-detail", connection: id, gfn: 0n, remotePort: domain.port });
  }
  for (const watch of watches.values()) to.push(watchRecord(watch));
}

function watchRecord(watch: Watch): MigrationRecord {
  const { connection, depth, path, token } = watch;
  return {
    kind: "watch",
    connection: connection.id,
    path: eventPath(watch, path),
    token,
    depth: depth < 0 ? Infinity : depth,
  };
}

function putTransactions(
  connection: Connection,
  to: MigrationRecord[],
  pending: MigrationRecord[],
): void {
  for (const transaction of connection.transactions.values()) {
    const { id } = transaction;
    to.push({ kind: "transaction", connection: connection.id, id });
    const operations = transaction.touched.size;
    to.push({ kind: "transaction-detail", connection: connection.id, id, operations });
    for (const touched of transaction.touched.values()) {
      pending.push(pendingRecord(transaction, touched));
    }
  }
}

/** What a transaction saw of a node, and what the node is to become. */
function pendingRecord(
  transaction: Transaction,
  { facets, path, written }: Touched,
): NodeRecord {
  const node = lookup(transaction.root, path);
  const about = { connection: transaction.connection.id, transaction: transaction.id, path };
  const access = (facets === 0 ? 0 : ACCESS_READ) | (written ? ACCESS_WRITTEN : 0);
  if (node === null) {
    return { kind: "node", ...about, value: NO_VALUE, access: written ? 0 : access, perms: [] };
  }
  return { kind: "node", ...about, value: node.value, access, perms: node.perms };
}

function putDomain(domain: Domain, to: MigrationRecord[]): void {
  const { domid, features, introduced, quotas, shutdownSeen, target, uniqueId } = domain;
  to.push({ kind: "domain", domid, features, quotas: quotaValues(quotas) });
  to.push({ kind: "domain-detail", domid, uniqueId, introduced, shutdownSeen, target });
}
