/** What a daemon counts as families of metrics, by the conventions of Prometheus: base units, `_total`, no path in a label. */
import type { DomainStatus, HistogramStatus, RequestStatus } from "../engine/status_pages.ts";
import type { Figures } from "./figures.ts";
import { jsonText } from "../wire/json.ts";

/** Names and values of labels. */
export type Labels = Readonly<Record<string, string>>;

/** One value. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Behind the family's name: of histograms `_bucket`, `_sum` and `_count`. */
  readonly suffix?: string;
}

/** Values of one kind. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
}

function family(
  type: Family["type"],
  name: string,
  help: string,
  samples: number | null | readonly Sample[],
): Family {
  const all = typeof samples === "number" ? [{ labels: {}, value: samples }] : samples ?? [];
  return { name: `xs_${name}`, type, help, samples: all };
}

const gauge = family.bind(null, "gauge");
const counter = family.bind(null, "counter");

/** Of a daemon that does not answer. */
export const DOWN: readonly Family[] = [up(0)];

function up(value: 0 | 1): Family {
  return gauge("up", "Whether the Xenstore daemon answers.", value);
}

/** All families; one without samples is left out. */
export function familiesOf(figures: Figures): Family[] {
  const all = [
    up(1),
    ...daemonFamilies(figures),
    ...domainFamilies(figures.domains),
    requestFamily(figures.requests),
    ...durationFamilies(figures),
  ];
  return all.filter(({ samples }) => samples.length > 0);
}

function daemonFamilies({ status }: Figures): Family[] {
  const { counts, history, memory, store, work } = status;
  const [, version, commit = ""] = /^(\S+)(?: \((.*)\))?$/.exec(status.version) ??
    ["", status.version];
  const build = { version: version!, commit, persist: store.persist };
  const oldest = history?.since ?? null;
  const storeBytes = store.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const seconds = (time: string): number => Date.parse(time) / 1_000;
  return [
    gauge("build_info", "Version of the daemon, and how it keeps its store.", [
      { labels: build, value: 1 },
    ]),
    gauge("start_time_seconds", "When the daemon began to serve.", seconds(status.since)),
    gauge("nodes", "Nodes in the store.", counts.nodes),
    gauge("watches", "Watches registered.", counts.watches),
    gauge("transactions", "Open transactions.", counts.transactions),
    gauge("domains", "Introduced domains.", counts.domains),
    gauge("rings", "Connections of domains over their rings.", counts.rings),
    gauge("sockets", "Connections of clients over the socket.", counts.clients),
    gauge("memory_resident_bytes", "Memory of the process.", memory.resident),
    gauge("memory_heap_bytes", "Memory of JavaScript objects in use.", memory.heap),
    gauge("memory_external_bytes", "Memory of values and buffers.", memory.external),
    gauge("memory_charged_bytes", "Memory charged to all domains by the model.", memory.charged),
    gauge(
      "memory_allowed_bytes",
      "Memory that may be charged to all domains.",
      memory.allowed === 0 ? null : memory.allowed,
    ),
    gauge("store_bytes", "Size of the store's files.", store.path === null ? null : storeBytes),
    gauge(
      "journal_bytes",
      "Bytes of turns that no image has yet.",
      store.path === null ? null : store.journalBytes,
    ),
    gauge("history_bytes", "Size of the history.", history?.bytes ?? null),
    gauge(
      "history_oldest_timestamp_seconds",
      "From when on there is a history.",
      oldest === null ? null : seconds(oldest),
    ),
    counter("turns_total", "Turns of the daemon.", work.turns),
    counter("work_units_total", "Work done for clients, in units of some 10 ns.", work.units),
  ];
}

function domainFamilies(domains: readonly DomainStatus[]): Family[] {
  const each = (value: (domain: DomainStatus) => number): Sample[] =>
    domains.map((domain) => ({ labels: { domid: `${domain.domid}` }, value: value(domain) }));
  const quotas = (value: (use: DomainStatus["quotas"]["nodes"]) => number | null): Sample[] =>
    domains.flatMap(({ domid, quotas }) =>
      Object.entries(quotas).flatMap(([quota, use]): Sample[] => {
        const found = value(use);
        return found === null ? [] : [{ labels: { domid: `${domid}`, quota }, value: found }];
      })
    );
  return [
    gauge(
      "domain_info",
      "Names of domains.",
      domains.map(({ domid, name }) => ({
        labels: { domid: `${domid}`, name: name === null ? "" : jsonText(name) },
        value: 1,
      })),
    ),
    gauge("quota_used", "What a domain uses of a quota.", quotas(({ used }) => used)),
    gauge("quota_peak", "The most that a domain has used of a quota.", quotas(({ peak }) => peak)),
    gauge(
      "quota_limit",
      "The limit of a quota that counts what a domain uses.",
      quotas(({ limit, used }) => used === null ? null : limit),
    ),
    counter(
      "quota_refusals_total",
      "Requests that a quota has refused.",
      quotas(({ refused, used }) => used === null && refused === 0 ? null : refused),
    ),
    counter("events_total", "Events that watches of a domain fired.", each(({ events }) => events)),
    counter(
      "commits_total",
      "Transactions that changed something and were committed.",
      each(({ commits }) => commits),
    ),
    counter(
      "conflicts_suffered_total",
      "Commits of a domain that were refused because of what others changed.",
      each(({ conflictsSuffered }) => conflictsSuffered),
    ),
    counter(
      "conflicts_caused_total",
      "Commits of others that were refused because of what a domain changed.",
      each(({ conflictsCaused }) => conflictsCaused),
    ),
    gauge(
      "queued_bytes",
      "Answers and events that a domain's clients have not taken.",
      each(({ queuedBytes }) => queuedBytes),
    ),
  ];
}

function requestFamily(requests: readonly RequestStatus[]): Family {
  const samples = requests.flatMap(({ domid, operation, results }) =>
    Object.entries(results).map(([result, value]) => ({
      labels: { domid: `${domid}`, operation, result },
      value,
    }))
  );
  return counter("requests_total", "Requests answered, by what came of them.", samples);
}

function durationFamilies({ histograms }: Figures): Family[] {
  const { commits, turns, waits } = histograms;
  return [
    histogram("turn_duration_seconds", "How long turns took.", turns),
    histogram("commit_duration_seconds", "How long turns took to become durable.", commits),
    histogram("answer_wait_seconds", "How long clients waited for answers.", waits),
  ];
}

function histogram(
  name: string,
  help: string,
  { boundsMs, count, counts, sumMs }: HistogramStatus,
): Family {
  let sum = 0;
  const samples: Sample[] = counts.map((inBucket, i) => {
    sum += inBucket;
    const le = boundsMs[i] === undefined ? "+Inf" : `${boundsMs[i] / 1_000}`;
    return { labels: { le }, value: sum, suffix: "_bucket" };
  });
  samples.push({ labels: {}, value: sumMs / 1_000, suffix: "_sum" });
  samples.push({ labels: {}, value: count, suffix: "_count" });
  return family("histogram", name, help, samples);
}
