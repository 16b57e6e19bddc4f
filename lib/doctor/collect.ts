/** How the evidence comes together: by the daemon's own commands, each in slices and bounded. */
import type { ProgressSink } from "../archive/archive.ts";
import { Collected, dumpLive } from "../archive/daemon_archive.ts";
import type { Interrupt } from "../archive/interrupt.ts";
import { sleep, wallMs } from "../clock.ts";
import { decodeStream } from "../codec/stream.ts";
import { orNull } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import type { HostDomain } from "../engine/operations/insight.ts";
import type { MalformedRow } from "../engine/malformed_messages.ts";
import type { HistogramStatus } from "../engine/status_pages.ts";
import type { WatchRow, WhoRow } from "../engine/who.ts";
import {
  AUTHOR_TEXT_MAX,
  DOCTOR_RINGS_MAX,
  DOCTOR_WATCHES_MAX,
  HOST_DOMAINS_PER_REQUEST,
} from "../limits.ts";
import { readList, readPages, readRing, readStatus } from "../metrics/read_status.ts";
import { permDomid } from "../store/perms.ts";
import { REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD } from "../transport/ring_page.ts";
import { getU32 } from "../wire/header.ts";
import { toText } from "../wire/text.ts";
import {
  type Evidence,
  type Figures,
  ownerByPlace,
  type SeenNode,
  type SeenRing,
} from "./evidence.ts";
import { processTimes, spinningBetween } from "./processes.ts";

/** What {@link collect} needs beside the daemon. */
export interface Collector {
  readonly nodes: Operations;
  readonly progress: ProgressSink;
  readonly interrupt: Interrupt;
  /** How long it looks at what moves, in ms. */
  readonly ms: number;
  /** Counts events for so long, by connection, NUL and token. */
  countEvents(ms: number): Promise<ReadonlyMap<string, number>>;
}

/** Looks at a daemon twice, and at its whole store once. */
export async function collect(collector: Collector): Promise<Evidence> {
  const { interrupt, ms, nodes, progress } = collector;
  const sink = new Collected();
  await dumpLive(nodes, null, sink, progress, interrupt);
  const seen = nodesIn(sink.bytes);
  const host = await hostOf(nodes, domidsIn(seen));
  const before = await figures(nodes);
  const rings = await lookAtRings(nodes, before);
  const processes = processTimes();
  const counting = collector.countEvents(ms);
  await sleep(nodes.session.clock, ms);
  const counts = await counting;
  const spinning = spinningBetween(processes, processTimes(), ms);
  const after = await figures(nodes);
  const ringsAfter = await lookAtRings(nodes, after);
  const watches = (await watchesOf(nodes)).map((watch) => {
    const count = counts.get(`${watch.connection}\0${tokenOf(watch)}`) ?? 0;
    return { ...watch, eventsPerSecond: count * 1_000 / ms };
  });
  const seconds = ms / 1_000;
  return {
    nodes: seen,
    host,
    before,
    after,
    seconds,
    watches,
    rings: movedRings(rings, ringsAfter, await brokenSince(nodes, ringsAfter, after.wallMs)),
    spinning,
  };
}

/** Tokens that are no text are counted by nobody. */
function tokenOf({ token }: WatchRow): string {
  return typeof token === "string" ? token : "";
}

function nodesIn(bytes: Uint8Array): Map<string, SeenNode> {
  const nodes = new Map<string, SeenNode>();
  for (const record of decodeStream(bytes).records) {
    if (record.kind !== "node") continue;
    const { path, perms, value } = record;
    nodes.set(path, {
      path,
      value: toText(value.subarray(0, AUTHOR_TEXT_MAX)),
      valueBytes: value.length,
      perms,
      children: 0,
      nameBytes: 0,
    });
  }
  for (const path of nodes.keys()) {
    const slash = path.lastIndexOf("/");
    const parent = path === "/" ? undefined : nodes.get(slash === 0 ? "/" : path.slice(0, slash));
    if (parent === undefined) continue;
    parent.children++;
    parent.nameBytes += path.length - slash;
  }
  return nodes;
}

/** The domids that paths and permissions name. */
function domidsIn(nodes: ReadonlyMap<string, SeenNode>): Set<number> {
  const domids = new Set<number>();
  for (const { path, perms } of nodes.values()) {
    const owner = ownerByPlace(path);
    if (owner !== null) domids.add(owner);
    for (const entry of perms) domids.add(permDomid(entry));
  }
  return domids;
}

/** What the hypervisor says of them. */
export async function hostOf(
  nodes: Operations,
  domids: Iterable<number>,
): Promise<Map<number, HostDomain>> {
  const host = new Map<number, HostDomain>();
  const all = [...domids].sort((a, b) => a - b);
  for (let at = 0; at < all.length; at += HOST_DOMAINS_PER_REQUEST) {
    const words = all.slice(at, at + HOST_DOMAINS_PER_REQUEST).map(String);
    const found: HostDomain[] = JSON.parse(await nodes.control("domains", ...words));
    for (const domain of found) host.set(domain.domid, domain);
  }
  return host;
}

async function figures(nodes: Operations): Promise<Figures> {
  const status = await readStatus(nodes);
  const domains = await readList(nodes, "domains");
  const { commits }: { commits: HistogramStatus } = JSON.parse(
    await nodes.control("status", "histograms"),
  );
  return { status, domains, commits, wallMs: wallMs(nodes.session.clock) };
}

async function watchesOf(nodes: Operations): Promise<WatchRow[]> {
  const watches: WatchRow[] = [];
  const ask = (from: string): Promise<string> => nodes.control("who", "/", from);
  for await (const { rows } of readPages<WhoRow>(ask)) {
    for (const row of rows) if (row.kind === "watch") watches.push(row);
    if (watches.length >= DOCTOR_WATCHES_MAX) break;
  }
  return watches;
}

/** When guests whose rings are ignored broke the protocol, in ms since 1970, by their domids. */
async function brokenSince(
  nodes: Operations,
  rings: readonly RingMoment[],
  wallMs: number,
): Promise<Map<number, number>> {
  const broken = new Map<number, number>();
  if (!rings.some(({ ignored }) => ignored)) return broken;
  const ask = (from: string): Promise<string> => nodes.control("errors", from);
  for await (const { rows } of readPages<MalformedRow>(ask)) {
    for (const { ageMs, domid, open, pid } of rows) {
      if (open && pid === null && !broken.has(domid)) broken.set(domid, wallMs - ageMs);
    }
  }
  return broken;
}

/** A ring at one look: where its four indices are, and what the daemon has for it. */
interface RingMoment extends Omit<SeenRing, "moved" | "brokenAt"> {
  readonly indices: string;
}

async function lookAtRings(nodes: Operations, { domains }: Figures): Promise<RingMoment[]> {
  const rings: RingMoment[] = [];
  for (const { domid, introduced } of domains.slice(0, DOCTOR_RINGS_MAX)) {
    const ring = introduced ? await lookAtRing(nodes, domid) : null;
    if (ring !== null) rings.push(ring);
  }
  return rings;
}

async function lookAtRing(nodes: Operations, domid: number): Promise<RingMoment | null> {
  const ring = await orNull(readRing(nodes, domid));
  if (ring === null) return null;
  const { facts: { ignored }, page } = ring;
  const word = (index: number): number => getU32(page, 4 * index);
  const indices = [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD].map(word);
  return {
    domid,
    requestsWaiting: (indices[1]! - indices[0]!) >>> 0,
    responsesWaiting: (indices[3]! - indices[2]!) >>> 0,
    ignored,
    indices: indices.join(),
  };
}

function movedRings(
  before: readonly RingMoment[],
  after: readonly RingMoment[],
  broken: ReadonlyMap<number, number>,
): SeenRing[] {
  const old = new Map(before.map((ring) => [ring.domid, ring.indices]));
  return after.map(({ indices, ...ring }) => {
    const moved = old.get(ring.domid) !== indices;
    return { ...ring, moved, brokenAt: broken.get(ring.domid) ?? null };
  });
}
