import { STATUS_AUTHOR_MAX, STATUS_BUSIEST_MAX } from "../limits.ts";
import { authorOf, authorText } from "./author.ts";
import type { State } from "./state.ts";

/** A file of the store. */
export interface StoreFile {
  readonly name: string;
  readonly bytes: number;
}

/** What the daemon around the engine tells of itself. */
export interface ProcessStatus {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the daemon began to serve. */
  readonly uptimeMs: number;
  readonly store: {
    readonly persist: "none" | "crash" | "disk";
    /** The store file; null where the store is in memory only. */
    readonly path: string | null;
    /** What there is of it now: the file and those beside it. */
    readonly files: readonly StoreFile[];
    /** Bytes of turns that no image has yet: what recovery would do again. */
    readonly journalBytes: number;
  };
  /** In bytes. */
  readonly memory: {
    readonly resident: number;
    /** Of JavaScript's heap, what is in use. */
    readonly heap: number;
    /** Outside of the heap: values and buffers. */
    readonly external: number;
  };
  readonly work: {
    /** Turns so far. */
    readonly turns: number;
    /** Units of work that clients have used so far: a unit is some 10 ns. */
    readonly units: number;
  };
}

/** How much there is of everything. */
export interface Counts {
  readonly nodes: number;
  /** Introduced domains. */
  readonly domains: number;
  /** Connections on sockets. */
  readonly clients: number;
  readonly watches: number;
  /** Open transactions. */
  readonly transactions: number;
}

/** What `xs status` tells: one record, collected here and nowhere else. */
export interface Status extends ProcessStatus {
  readonly counts: Counts;
  readonly memory: ProcessStatus["memory"] & {
    /** What is charged to all domains together, by the memory model. */
    readonly charged: number;
    /** How much that may be (`--memory`); 0 for no bound. */
    readonly allowed: number;
  };
  /** The clients that have used most, those first; {@link STATUS_BUSIEST_MAX} at most. */
  readonly busiest: readonly BusyClient[];
}

/** One client on a socket, or a domain, and what its requests have cost. */
export interface BusyClient {
  readonly client: string;
  /** Who is behind it, as far as that is known. */
  readonly author: string;
  readonly units: number;
}

/** The status now; null for an engine without a daemon around it. */
export function statusOf(state: State): Status | null {
  const process = state.admin.processStatus();
  if (process === null) return null;
  const { max } = state.memory;
  const charged = { charged: state.accounts.cost, allowed: max === Infinity ? 0 : max };
  return {
    ...process,
    memory: { ...process.memory, ...charged },
    counts: countsOf(state),
    busiest: busiestOf(state),
  };
}

function busiestOf({ connections, domains, tree }: State): BusyClient[] {
  return [...connections]
    .sort((a, b) => b.share.units - a.share.units)
    .slice(0, STATUS_BUSIEST_MAX)
    .map((connection) => {
      const uniqueId = domains.get(connection.domid)?.uniqueId ?? null;
      const author = authorText(authorOf(connection, tree.root, uniqueId));
      const { label, share: { units } } = connection;
      return { client: label, author: author.slice(0, STATUS_AUTHOR_MAX), units };
    });
}

function countsOf({ accounts, connections, domains }: State): Counts {
  let nodes = 0, introduced = 0, clients = 0, watches = 0, transactions = 0;
  for (const domid of accounts.domids()) nodes += accounts.of(domid).now.nodes;
  for (const domain of domains.all()) if (domain.introduced) introduced++;
  for (const connection of connections) {
    if (connection.kind === "socket") clients++;
    watches += connection.watches.size;
    transactions += connection.transactions.size;
  }
  return { nodes, domains: introduced, clients, watches, transactions };
}
