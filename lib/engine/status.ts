import { STATUS_AUTHOR_MAX, STATUS_BUSIEST_MAX } from "../limits.ts";
import { authorOf, authorText, commandAlone } from "./author.ts";
import { quantile } from "./histogram.ts";
import type { Phase } from "./last_minute.ts";
import type { ProcessStatus } from "./process_status.ts";
import type { State } from "./state.ts";

/** How much there is of everything. */
export interface Counts {
  readonly nodes: number;
  /** Introduced domains. */
  readonly domains: number;
  /** Connections on sockets. */
  readonly clients: number;
  /** Connections over rings. */
  readonly rings: number;
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
  readonly work: ProcessStatus["work"] & {
    /** Requests answered so far, and a second, over the last ten. */
    readonly requests: number;
    readonly requestsPerSecond: number;
    /** How long clients waited for the middle one, and all but one in a hundred, of the last minute's answers, in ms. */
    readonly waitP50Ms: number | null;
    readonly waitP99Ms: number | null;
    /** The turn that took longest within the last minute; null for none. */
    readonly worstTurn: WorstTurnStatus | null;
  };
  /** The clients that have used most, those first; {@link STATUS_BUSIEST_MAX} at most. */
  readonly busiest: readonly BusyClient[];
}

/** A turn that took long. */
export interface WorstTurnStatus {
  readonly ms: number;
  /** The part that took longest: `requests`, `commit`, `answers` or `upkeep`. */
  readonly phase: Phase;
  /** The client whose requests cost most in it; empty for none. */
  readonly client: string;
  readonly agoMs: number;
}

/** One client on a socket, or a domain, and what its requests have cost. */
export interface BusyClient {
  readonly client: string;
  /** Who is behind it, as far as that is known. */
  readonly author: string;
  readonly units: number;
}

/** The status at `now`, in ms of the engine's clock; null for an engine without a daemon around it. */
export function statusOf(state: State, now: number): Status | null {
  const process = state.admin.processStatus();
  if (process === null) return null;
  const { max } = state.memory;
  const charged = { charged: state.accounts.cost, allowed: max === Infinity ? 0 : max };
  return {
    ...process,
    memory: { ...process.memory, ...charged },
    work: { ...process.work, ...workOf(state, now) },
    counts: countsOf(state),
    busiest: busiestOf(state),
  };
}

function workOf({ counters }: State, now: number): Omit<Status["work"], "turns" | "units"> {
  const { lastMinute, requests } = counters;
  lastMinute.goTo(now);
  const { requestsPerSecond, waits, worst } = lastMinute;
  const worstTurn = worst === null ? null : {
    ms: rounded(worst.ms),
    phase: worst.phase,
    client: worst.client.slice(0, STATUS_AUTHOR_MAX),
    agoMs: Math.round(now - worst.at),
  };
  const quantileOf = (share: number): number | null => {
    const ms = quantile(waits, share);
    return ms === null ? null : rounded(ms);
  };
  const [waitP50Ms, waitP99Ms] = [quantileOf(0.5), quantileOf(0.99)];
  return { requests, requestsPerSecond, waitP50Ms, waitP99Ms, worstTurn };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

function busiestOf({ connections, domains, tree }: State): BusyClient[] {
  return [...connections]
    .sort((a, b) => b.share.units - a.share.units)
    .slice(0, STATUS_BUSIEST_MAX)
    .map((connection) => {
      const uniqueId = domains.get(connection.domid)?.uniqueId ?? null;
      const who = authorOf(connection, tree.root, uniqueId);
      const command = commandAlone(connection.process);
      const author = authorText(who.kind === "process" ? { ...who, command } : who);
      const { label, share: { units } } = connection;
      return { client: label, author: author.slice(0, STATUS_AUTHOR_MAX), units };
    });
}

/** How much there is of everything. */
export function countsOf({ accounts, connections, domains }: State): Counts {
  let nodes = 0, introduced = 0, clients = 0, rings = 0, watches = 0, transactions = 0;
  for (const domid of accounts.domids()) nodes += accounts.of(domid).now.nodes;
  for (const domain of domains.all()) if (domain.introduced) introduced++;
  for (const connection of connections) {
    if (connection.kind === "socket") clients++;
    else rings++;
    watches += connection.watches.size;
    transactions += connection.transactions.size;
  }
  return { nodes, domains: introduced, clients, rings, watches, transactions };
}
