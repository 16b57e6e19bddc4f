import { STATUS_AUTHOR_MAX, STATUS_BUSIEST_MAX } from "../limits.ts";
import { authorOf, authorText } from "./author.ts";
import type { ProcessStatus } from "./process_status.ts";
import type { State } from "./state.ts";

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
