import type { Domain, HeldSocket, Setting, Transaction } from "../../state/records.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { Node } from "../../store/node.ts";
import { isSpecial, ROOT_PATH } from "../../store/path.ts";
import { type ByteReader, DamagedError } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import type { ChangeSink, WatchState } from "./change_sink.ts";
import { checkedPath, NodeRecord } from "./node_record.ts";
import { NODE_GENERATION, NODE_PERMS, NODE_WHOLE } from "./node_writer.ts";
import { putPerms } from "./perms_bytes.ts";
import { putQuotaValues, putSettingValue, readQuotaValues, readSetting } from "./setting_bytes.ts";

export type { ChangeSink, WatchState };

/**
 * What changed, in the order in which it did, as bytes: one string of changes for each turn, and
 * the same for an image of everything. Each change says how a thing now is, not how it came
 * there, so that doing a change a second time does no harm.
 */
// 17 to 19 are in node_writer.ts.
const NODE = 1;
const NODE_GONE = 2;
const DOMAIN = 3;
const DOMAIN_GONE = 4;
const WATCH = 5;
const UNWATCH = 6;
const TRANSACTION = 7;
const QUOTA = 8;
const RING = 9;
const OTHERS_GONE = 10;
const STAGED = 11;
const ADOPTED = 12;
const HEARD = 15;
const HELD = 13;
const HELD_GONE = 14;
const SETTING = 16;
const IDS_GIVEN = 20;

/** How far a transaction has come. */
const ENDED = 0;
const STARTED = 1;
const WROTE = 2;

/** Added to a kind whose key has 32 bits: a held socket's. The keys of rings, domids, have 16. */
const WIDE = 0x40;

export function putNode(
  to: ByteWriter,
  path: string,
  node: Pick<Node, "generation" | "ordinal" | "perms" | "value">,
): void {
  to.u8(NODE);
  to.text(path);
  to.count(node.generation);
  to.count(node.ordinal);
  putPerms(to, node.perms);
  to.bytes(node.value);
}

/** As {@link putNode}, of a tree that does not count yet. */
export function putStaged(
  to: ByteWriter,
  path: string,
  node: Pick<Node, "generation" | "ordinal" | "perms" | "value">,
): void {
  const at = to.length;
  putNode(to, path, node);
  to.written[at] = STAGED;
}

/** The nodes staged are the tree from now on. */
export function putAdopted(to: ByteWriter): void {
  to.u8(ADOPTED);
}

/** All watchers have heard what the adoption of a tree changed. */
export function putHeard(to: ByteWriter): void {
  to.u8(HEARD);
}

/** What follows tells again all that is no node. */
export function putOthersGone(to: ByteWriter): void {
  to.u8(OTHERS_GONE);
}

export function putNodeGone(to: ByteWriter, path: string): void {
  to.u8(NODE_GONE);
  to.text(path);
}

const NO_TARGET = 0xffff;
const INTRODUCED = 1;
const HAS_RING = 2;
const SHUTDOWN_SEEN = 4;

export function putDomain(to: ByteWriter, domain: Domain): void {
  const { hasRing, introduced, port, quotas, shutdownSeen, uniqueId } = domain;
  to.u8(DOMAIN);
  to.u16(domain.domid);
  to.u64(uniqueId ?? 0n);
  to.u8(
    (introduced ?? hasRing ? INTRODUCED : 0) | (hasRing ? HAS_RING : 0) |
      (shutdownSeen ? SHUTDOWN_SEEN : 0),
  );
  to.u32(port ?? 0);
  to.u16(domain.target ?? NO_TARGET);
  to.u32(domain.features);
  putQuotaValues(to, quotas ?? NO_QUOTAS);
}

const NO_QUOTAS: ReadonlyMap<string, number> = new Map();

export function putDomainGone(to: ByteWriter, domid: number): void {
  to.u8(DOMAIN_GONE);
  to.u16(domid);
}

function putKey(to: ByteWriter, kind: number, key: number): void {
  if (key <= 0xffff) {
    to.u8(kind);
    to.u16(key);
  } else {
    to.u8(kind | WIDE);
    to.u32(key);
  }
}

/** Of connections with a key only: others end with the process. */
export function putWatch(to: ByteWriter, key: number, watch: Omit<WatchState, "key">): void {
  putKey(to, WATCH, key);
  to.text(watch.path);
  to.text(watch.token);
  to.u8(watch.relative ? 1 : 0);
  // No path is ever that deep.
  to.u32(Math.min(watch.depth, 0xffff_fffe) + 1);
}

export function putUnwatch(to: ByteWriter, key: number, path: string, token: string): void {
  putKey(to, UNWATCH, key);
  to.text(path);
  to.text(token);
}

/** Ids up to this one were given, and must not be again. */
export function putIdsGiven(to: ByteWriter, key: number, idLast: number): void {
  putKey(to, IDS_GIVEN, key);
  to.u32(idLast);
}

/** As {@link putWatch}. One that is not open stands for the highest id given. */
export function putTransaction(
  to: ByteWriter,
  key: number,
  id: number,
  open: Pick<Transaction, "generation" | "wrote"> | null,
): void {
  putKey(to, TRANSACTION, key);
  to.u32(id);
  to.u8(open === null ? ENDED : open.wrote ? WROTE : STARTED);
  if (open !== null) to.count(open.generation ?? 0);
}

/** Begins again what is known of the connection. */
export function putHeld(to: ByteWriter, { key, domid, label }: HeldSocket): void {
  to.u8(HELD);
  to.u32(key);
  to.u16(domid);
  to.text(label);
}

export function putHeldGone(to: ByteWriter, key: number): void {
  to.u8(HELD_GONE);
  to.u32(key);
}

export function putQuotas(to: ByteWriter, quotas: ReadonlyMap<string, number>): void {
  to.u8(QUOTA);
  putQuotaValues(to, quotas);
}

/** Null for one that counts no more. */
export function putSetting(to: ByteWriter, name: string, setting: Setting | null): void {
  to.u8(SETTING);
  to.text(name);
  putSettingValue(to, setting);
}

const RESET = 1;
const IGNORED = 2;

export function putRing(to: ByteWriter, ring: RingState): void {
  putKey(to, RING, ring.key);
  to.u32(ring.requestsTaken);
  to.bytes(ring.partial);
  to.u32(ring.responsesEnd);
  to.bytes(ring.responses);
  to.u32(ring.unsent);
  to.u8((ring.reset ? RESET : 0) | (ring.ignored ? IGNORED : 0));
}

/** What changes values, permissions or the existence of nodes. */
const OF_NODES: ReadonlySet<number> = new Set([
  NODE,
  NODE_WHOLE,
  NODE_PERMS,
  NODE_GONE,
  ADOPTED,
]);

/**
 * Tells `sink` of every change in order; returns whether nodes were among what changed.
 *
 * @throws {DamagedError} when the bytes are not changes.
 */
export function readChanges(from: ByteReader, sink: ChangeSink): boolean {
  const record = new NodeRecord();
  let isOfNodes = false;
  while (!from.atEnd) {
    const kind = from.u8();
    isOfNodes ||= OF_NODES.has(kind);
    readChange(from, kind, sink, record);
  }
  return isOfNodes;
}

function readChange(
  from: ByteReader,
  kind: number,
  sink: ChangeSink,
  record: NodeRecord,
): void {
  switch (kind) {
    case NODE:
      return sink.node(record.read(from));
    case NODE_WHOLE:
      return sink.node(record.readShared(from, kind));
    case NODE_PERMS:
    case NODE_GENERATION:
      return sink.nodePart(record.readShared(from, kind));
    case NODE_GONE:
      return sink.nodeGone(readGone(from));
    case DOMAIN:
      return sink.domain(readDomain(from));
    case DOMAIN_GONE:
      return sink.domainGone(from.u16());
    case HELD:
      return sink.held({ key: from.u32(), domid: from.u16(), label: from.text() });
    case HELD_GONE:
      return sink.heldGone(from.u32());
    case QUOTA:
      return sink.quotas(readQuotaValues(from));
    case SETTING: {
      const name = from.text();
      return sink.setting(name, readSetting(from, name));
    }
    case OTHERS_GONE:
      return sink.othersGone();
    case STAGED:
      return sink.staged(record.read(from).copy());
    case ADOPTED:
      return sink.adopted();
    case HEARD:
      return sink.heard();
    default:
      return readKeyed(from, kind & ~WIDE, (kind & WIDE) === 0 ? from.u16() : from.u32(), sink);
  }
}

/** Of what a connection has, which may be a ring or a held socket. */
function readKeyed(from: ByteReader, kind: number, key: number, sink: ChangeSink): void {
  switch (kind) {
    case WATCH:
      return sink.watch(readWatch(from, key));
    case UNWATCH:
      return sink.unwatch(key, readPath(from), from.text());
    case IDS_GIVEN:
      return sink.idsGiven(key, from.u32());
    case TRANSACTION: {
      const id = from.u32();
      return sink.transaction(key, id, readTransaction(from, key, id));
    }
    case RING:
      return sink.ring(readRing(from, key));
    default:
      throw new DamagedError(`no change is of kind ${kind}`);
  }
}

/** How many operations it has done ends with the process, as it does itself. */
function readTransaction(from: ByteReader, connection: number, id: number): Transaction | null {
  const stage = from.u8();
  if (stage > WROTE) throw new DamagedError(`no transaction has come to stage ${stage}`);
  if (stage === ENDED) return null;
  const generation = from.count(), wrote = stage === WROTE;
  return { kind: "transaction", connection, id, operations: 0, generation, wrote };
}

function readPath(from: ByteReader): string {
  return checkedPath(from.text());
}

function readGone(from: ByteReader): string {
  const path = readPath(from);
  if (path === ROOT_PATH || isSpecial(path)) throw new DamagedError(`${path} cannot go`);
  return path;
}

function readDomain(from: ByteReader): Domain {
  const domid = from.u16();
  const uniqueId = from.u64();
  const flags = from.u8();
  const port = from.u32();
  const target = from.u16();
  const features = from.u32();
  return {
    kind: "domain",
    domid,
    uniqueId,
    introduced: (flags & INTRODUCED) !== 0,
    hasRing: (flags & HAS_RING) !== 0,
    port,
    target: target === NO_TARGET ? null : target,
    features,
    gfn: 0n,
    shutdownSeen: (flags & SHUTDOWN_SEEN) !== 0,
    quotas: readQuotaValues(from),
  };
}

function readWatch(from: ByteReader, key: number): WatchState {
  const path = readPath(from);
  const token = from.text();
  const relative = from.u8() !== 0;
  return { key, path, token, relative, depth: from.u32() - 1 };
}

function readRing(from: ByteReader, key: number): RingState {
  const requestsTaken = from.u32();
  const partial = from.bytes();
  const responsesEnd = from.u32();
  const responses = from.bytes();
  const unsent = from.u32();
  const flags = from.u8();
  return {
    key,
    requestsTaken,
    partial,
    responsesEnd,
    responses,
    unsent,
    reset: (flags & RESET) !== 0,
    ignored: (flags & IGNORED) !== 0,
  };
}
