import type { Connection } from "../engine/connection.ts";
import type { State } from "../engine/state.ts";
import type { Touched } from "../engine/touched.ts";
import type { Transaction } from "../engine/transaction.ts";
import { eventPath, type Watch } from "../engine/watches.ts";
import { domainRecord, quotaRecord } from "./domain_records.ts";
import { domainTops } from "../state/domain_part.ts";
import { nodeRecords } from "../state/node_records.ts";
import type * as records from "../state/records.ts";
import { ACCESS_READ, ACCESS_WRITTEN } from "../state/records.ts";
import { lookup } from "../store/lookup.ts";
import { NO_VALUE, type Node } from "../store/node.ts";

/** What of a connection only its transport knows. */
export type ConnectionIo =
  & Pick<records.Connection, "input" | "output" | "partialResponse" | "ignored">
  & {
    /** A socket's descriptor, as the records are to name it; a dump has none: -1. */
    readonly fd: number;
    /** A ring's local event-channel port; 0 where it means nothing to the reader. */
    readonly port: number;
  };

/** What {@link snapshot} is to take. */
export interface SnapshotOptions {
  /** Only what belongs to this domain: its nodes, and its connection with all it holds. */
  readonly domid?: number;
  /** Of a live update. */
  readonly descriptors?: records.Descriptors;
  /** What the transports hold; without it nothing is in flight. */
  readonly io?: (connection: Connection) => ConnectionIo;
}

/** Everything at one moment. */
export interface Snapshot {
  /** Domains before connections, these before what hangs on them, parents before children. */
  readonly records: Generator<records.StateRecord, undefined>;
  /** About how many records there are, for showing progress. */
  readonly expected: number;
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
 * nodes are read from a snapshot of the tree as the records are asked for, so that the store may go
 * on changing.
 */
export function snapshot(state: State, options: SnapshotOptions = {}): Snapshot {
  const { domid, descriptors, io = () => NOTHING } = options;
  state.erasures.finishAll();
  const isWanted = (its: { readonly domid: number }): boolean =>
    domid === undefined || its.domid === domid;
  const head: records.StateRecord[] = descriptors === undefined ? [] : [descriptors];
  const last: records.StateRecord[] = [];
  if (domid === undefined) {
    head.push(quotaRecord(state.domains.quotas), ...state.settings);
    last.push(...specialRecords(state));
  }
  for (const domain of state.domains.all()) if (isWanted(domain)) head.push(domainRecord(domain));
  for (const connection of state.connections) {
    if (!isWanted(connection) || domid !== undefined && connection.kind !== "ring") continue;
    head.push(connectionRecord(connection, io(connection)));
    for (const record of heldRecords(connection)) head.push(record);
    for (const transaction of connection.transactions.values()) {
      for (const touched of transaction.touched.values()) {
        last.push(transactionNode(transaction, touched));
      }
    }
  }
  const root = state.tree.snapshot();
  const tops = domid === undefined ? ["/"] : domainTops(root, domid);
  const nodes = domid === undefined
    ? state.accounts.total("nodes")
    : state.accounts.of(domid).now.nodes;
  return {
    records: inOrder(head, root, tops, last),
    expected: head.length + last.length + nodes,
  };
}

function* inOrder(
  head: readonly records.StateRecord[],
  root: Node,
  tops: readonly string[],
  last: readonly records.StateRecord[],
): Generator<records.StateRecord, undefined> {
  yield* head;
  // To delegate costs more than the records.
  for (const top of tops) for (const node of nodeRecords(lookup(root, top)!, top)) yield node;
  yield* last;
}

function* specialRecords({ specials }: State): Generator<records.Special, void> {
  for (const [path, { generation, perms }] of specials) {
    yield { kind: "special", path, perms, generation };
  }
}

function connectionRecord(connection: Connection, io: ConnectionIo): records.Connection {
  const { domid, id, key, kind, label, transactionIdLast } = connection;
  const { fd, ignored, input, output, partialResponse, port } = io;
  return {
    kind: "connection",
    id,
    end: kind === "ring"
      ? { kind, domid, port }
      : { kind, fd, held: key < 0 ? null : { domid, label } },
    input,
    output,
    partialResponse,
    ignored,
    transactionIdLast,
    position: null,
  };
}

/** A connection's watches and open transactions. */
export function* heldRecords(
  { id, transactions, watches }: Connection,
): Generator<records.Watch | records.Transaction, void> {
  for (const watch of watches.values()) yield watchRecord(id, watch);
  for (const transaction of transactions.values()) {
    const { generation, touched, wrote } = transaction;
    yield {
      kind: "transaction",
      connection: id,
      id: transaction.id,
      operations: touched.size,
      generation,
      wrote,
    };
  }
}

function watchRecord(connection: number, watch: Watch): records.Watch {
  const { depth, path, token } = watch;
  return {
    kind: "watch",
    connection,
    path: eventPath(watch, path),
    token,
    depth: depth < 0 ? Infinity : depth,
  };
}

/** What a transaction saw of a node, and what the node is to become. */
function transactionNode(
  transaction: Transaction,
  { facets, path, written }: Touched,
): records.TransactionNode {
  const node = lookup(transaction.root, path);
  const access = (facets === 0 ? 0 : ACCESS_READ) | (written ? ACCESS_WRITTEN : 0);
  return {
    kind: "transaction-node",
    connection: transaction.connection.id,
    transaction: transaction.id,
    path,
    value: node?.value ?? NO_VALUE,
    access: node === null && written ? 0 : access,
    perms: node?.perms ?? [],
  };
}
