import { homePath } from "../wire/home_path.ts";
import { type BytesJson, jsonLine, textJson } from "../wire/json.ts";
import { ERROR_NAMES } from "../wire/errors.ts";
import { messageTypeName } from "../wire/message_type.ts";
import { COUNTED, type Counted } from "./accounts.ts";
import { WHO_COMMAND_SHOWN_MAX } from "../limits.ts";
import { commandAlone, nameIn } from "./author.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionKind } from "./connection_base.ts";
import { OTHER_TYPE } from "./counters.ts";
import type { Domain } from "./domains.ts";
import { BUCKETS_MS, type Histogram } from "./histogram.ts";
import { fillPage, type Row } from "./pages.ts";
import { type QuotaName, QUOTAS } from "./quotas.ts";
import type { State } from "./state.ts";

/** What one quota means to a domain. */
export interface QuotaUse {
  /** Now, and at most so far; null of a quota that bounds each thing by itself, such as a node's size. */
  readonly used: number | null;
  readonly peak: number | null;
  /** Null for none. */
  readonly limit: number | null;
  /** Requests that it has refused. */
  readonly refused: number;
}

/** What is counted of a domain. */
export interface DomainStatus {
  readonly domid: number;
  /** What its `name` node says: guests' data. */
  readonly name: BytesJson | null;
  readonly introduced: boolean;
  readonly quotas: Readonly<Record<QuotaName, QuotaUse>>;
  readonly events: number;
  /** Transactions that changed something and were committed. */
  readonly commits: number;
  readonly conflictsSuffered: number;
  readonly conflictsCaused: number;
  /** Bytes of answers and events that its clients have not taken. */
  readonly queuedBytes: number;
}

/** Requests of a domain of one type: how many by what came of them, `OK` or the error's name. */
export interface RequestStatus {
  readonly domid: number;
  readonly operation: string;
  readonly results: Readonly<Record<string, number>>;
}

/** Two clients of which one made the other's transactions fail, as the log names them, and the latest conflict. */
export interface ConflictStatus {
  readonly loser: string;
  readonly by: string;
  readonly count: number;
  readonly path: string;
  readonly facet: string;
}

/** What one client has of the daemon. */
export interface ClientStatus {
  /** The number of its connection. */
  readonly connection: number;
  readonly kind: ConnectionKind;
  readonly domid: number;
  /** What the log calls it. */
  readonly label: BytesJson;
  /** Of a ring the domain's name, of a socket its process and the program's name; null where that is not known. */
  readonly name: BytesJson | null;
  readonly pid: number | null;
  readonly command: BytesJson | null;
  readonly watches: number;
  /** Open ones. */
  readonly transactions: number;
  readonly queuedBytes: number;
  /** Of a ring the domain's quota that is used most, in percent of its limit; null for none. */
  readonly quota: { readonly name: QuotaName; readonly percent: number } | null;
}

/** How many took at most so many ms (the last one: longer), and all together. */
export interface HistogramStatus {
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumMs: number;
}

/** A page from the row on that `from` names; null for no such list, or no such place in it. */
export function pageOf(state: State, what: string, from: string): string | null {
  if (what === "histograms" && from === "") return jsonLine(histograms(state));
  if (what === "clients") {
    return /^\d{0,10}$/.test(from) ? fillPage(clientRows(state, Number(from))) : null;
  }
  const place = /^(\d{1,5})?(?:\.(\d{1,2}))?$/.exec(from);
  if (place === null) return null;
  const domid = Number(place[1] ?? 0), index = Number(place[2] ?? 0);
  if (what === "domains") return fillPage(domainRows(state, domid));
  if (what === "requests") return fillPage(requestRows(state, domid, index));
  return what === "conflicts" ? fillPage(conflictRows(state, domid)) : null;
}

/** The known domains from `from` on, in the order of their domids. */
function domainsFrom({ domains, meter }: State, from: number): Domain[] {
  const all = [...domains.all()];
  meter.add(all.length);
  return all.filter(({ domid }) => domid >= from).sort((a, b) => a.domid - b.domid);
}

function* domainRows(state: State, from: number): Generator<Row> {
  const queued = queuedBytes(state);
  for (const domain of domainsFrom(state, from)) {
    const { domid, introduced } = domain;
    const { counts } = state.accounts.of(domid);
    const name = nameIn(state.tree.root, homePath(domid));
    const row: DomainStatus = {
      domid,
      name: name === null ? null : textJson(name),
      introduced,
      quotas: quotasOf(state, domain),
      events: counts.events,
      commits: counts.commits,
      conflictsSuffered: counts.conflictsSuffered,
      conflictsCaused: counts.conflictsCaused,
      queuedBytes: queued.get(domid) ?? 0,
    };
    yield [`${domid}`, row];
  }
}

function queuedBytes({ connections, meter }: State): Map<number, number> {
  const queued = new Map<number, number>();
  meter.add(connections.size);
  for (const { domid, outbox } of connections) {
    if (outbox.unsent !== undefined) queued.set(domid, (queued.get(domid) ?? 0) + outbox.unsent);
  }
  return queued;
}

function quotasOf(
  { accounts, privDomid }: State,
  { domid, quotas }: Domain,
): DomainStatus["quotas"] {
  const { counts, now, peak } = accounts.of(domid);
  const uses = QUOTAS.map(({ name }): [QuotaName, QuotaUse] => {
    const counted = countedAs(name), limit = quotas.get(name);
    return [name, {
      used: counted === null ? null : now[counted],
      peak: counted === null ? null : peak[counted],
      limit: domid === privDomid || limit === 0 ? null : limit,
      refused: counts.refusals?.get(name) ?? 0,
    }];
  });
  return Object.fromEntries(uses) as Record<QuotaName, QuotaUse>;
}

/** What a quota counts; null of one that bounds each thing by itself. */
function countedAs(name: QuotaName): Counted | null {
  if (name === "soft-memory") return "memory";
  return COUNTED.find((counted) => counted === name) ?? null;
}

function* requestRows(state: State, from: number, fromType: number): Generator<Row> {
  for (const { domid } of domainsFrom(state, from)) {
    const { requests } = state.accounts.of(domid).counts;
    for (let type = domid === from ? fromType : 0; type <= OTHER_TYPE; type++) {
      const counts = requests[type];
      if (counts === undefined) continue;
      const results: Record<string, number> = {};
      counts.forEach((count, error) => {
        if (count > 0) results[error === 0 ? "OK" : ERROR_NAMES[error - 1]!] = count;
      });
      const operation = type === OTHER_TYPE ? "OTHER" : messageTypeName(type);
      const row: RequestStatus = { domid, operation, results };
      yield [`${domid}.${type}`, row];
    }
  }
}

function* conflictRows({ counters }: State, from: number): Generator<Row> {
  const pairs = counters.conflicts.all();
  for (let i = from; i < pairs.length; i++) {
    const { by, count, facet, loser, path } = pairs[i]!;
    const row: ConflictStatus = { loser, by, count, path, facet };
    yield [`${i}`, row];
  }
}

/** Connections in the order in which they came. */
function* clientRows(state: State, from: number): Generator<Row> {
  const { connections, meter } = state;
  meter.add(connections.size);
  for (const connection of connections) {
    if (connection.id >= from) yield [`${connection.id}`, clientRow(state, connection)];
  }
}

function clientRow(state: State, connection: Connection): ClientStatus {
  const { domid, id, kind, label, outbox, process, transactions, watches } = connection;
  const client = kind === "socket" ? process : null, command = commandAlone(client);
  const name = kind === "ring" ? nameIn(state.tree.root, connection.home) : null;
  const domain = kind === "ring" ? state.domains.get(domid) : undefined;
  return {
    connection: id,
    kind,
    domid,
    label: shown(label),
    name: name === null ? null : shown(name),
    pid: client?.author.pid ?? null,
    command: command === null ? null : shown(command),
    watches: watches.size,
    transactions: transactions.size,
    queuedBytes: outbox.unsent ?? 0,
    quota: domain === undefined ? null : mostUsed(quotasOf(state, domain)),
  };
}

function shown(text: string): BytesJson {
  return textJson(text.slice(0, WHO_COMMAND_SHOWN_MAX));
}

/** The quota that is used most; null where none has a limit. */
export function mostUsed(quotas: DomainStatus["quotas"]): ClientStatus["quota"] {
  let most: ClientStatus["quota"] = null;
  for (const { name } of QUOTAS) {
    const { limit, used } = quotas[name];
    if (limit === null || used === null) continue;
    const percent = Math.round(100 * used / limit);
    if (most === null || percent > most.percent) most = { name, percent };
  }
  return most;
}

/** Of all three; they fit one message. */
function histograms({ counters }: State): Readonly<Record<string, HistogramStatus>> {
  const { commits, turns, waits } = counters;
  const status = ({ count, counts, sumMs }: Histogram): HistogramStatus => {
    return { boundsMs: BUCKETS_MS, counts, count, sumMs };
  };
  return { turns: status(turns), commits: status(commits), waits: status(waits) };
}
