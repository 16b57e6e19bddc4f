import { XenstoreError } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import { statOf } from "../files.ts";
import { RESTORE_BYTES_MAX } from "../limits.ts";
import { LOCAL_ZONE, parsePoint, type Point, type Zone } from "../history/points.ts";
import { mapPath } from "../state/domain_part.ts";
import type { Node, StateRecord } from "../state/records.ts";
import { joinChunks } from "../codec/chunk_writer.ts";
import { decodeStream, StreamError } from "../codec/stream.ts";
import { FEATURES } from "../wire/features.ts";
import { toText } from "../wire/text.ts";
import {
  type Archive,
  ArchiveError,
  fileError,
  NoHistoryError,
  type ProgressSink,
} from "./archive.ts";
import { fromJson, looksLikeJson } from "../codec/json.ts";
import { JsonError } from "../codec/json_fields.ts";
import type { Interrupt } from "./interrupt.ts";
import { Collected, dumpLive } from "./daemon_archive.ts";
import { findLiveStore } from "./find_store_file.ts";
import { findHistory, type HistorySource } from "./past/history_source.ts";
import { readPastArchive } from "./past/past_archive.ts";
import { storePoint } from "./store_point.ts";
import { readStoreArchive } from "./store_source.ts";
import { walkNodes } from "./read_any_daemon.ts";

/** Where an archive comes from. */
export type Source =
  | { readonly kind: "stdin"; readonly point: null; readonly text: string }
  | { readonly kind: "live"; readonly point: Point | null; readonly text: string }
  | {
    readonly kind: "file";
    readonly path: string;
    readonly point: Point | null;
    readonly text: string;
  };

/** What reading a source may need. */
export interface SourceContext {
  /** The socket of the daemon that `live` means. */
  readonly socketPath: string;
  /** A connection to it; made when it is first needed. */
  connect(): Promise<Operations>;
  readonly progress: ProgressSink;
  /** Ms since 1970. */
  readonly now: number;
  /** When the host booted, in ms since 1970. */
  readonly bootAt: number;
  /** Only this domain's part; null for all. */
  readonly domid: number | null;
  /** Whether the user has interrupted it. */
  readonly interrupt: Interrupt;
  /** All of standard input. */
  stdin(): Promise<Uint8Array>;
}

/**
 * What a user means by `live`, `-` (standard input), the name of a file, or `live` or a file with `@` and a point in
 * time; `live` can be left out before the `@`, and that, too, before a commit's number (`#12`). A name is taken whole if there is such a file.
 *
 * @throws {PointError} when what is behind the `@` is no point in time.
 */
export function parseSource(text: string, now: number, zone: Zone = LOCAL_ZONE): Source {
  if (text === "live") return { kind: "live", point: null, text };
  if (text === "-") return { kind: "stdin", point: null, text };
  if (/^#\d/.test(text) && statOf(text) === null) {
    return { kind: "live", point: parsePoint(text, now, zone), text };
  }
  const at = text.lastIndexOf("@");
  if (at < 0 || statOf(text) !== null) return { kind: "file", path: text, point: null, text };
  const what = text.slice(0, at), point = parsePoint(text.slice(at + 1), now, zone);
  if (what === "live" || what === "") return { kind: "live", point, text };
  return { kind: "file", path: what, point, text };
}

/**
 * Reads a source.
 *
 * @throws {ArchiveError} that says what is wrong with it; {@link XenstoreError} from the daemon.
 */
export async function readSource(source: Source, context: SourceContext): Promise<Archive> {
  const whole = await readWhole(source, context);
  const { domid } = context;
  if (domid === null) return whole;
  const { records: all } = whole;
  // The daemon has looked for that part itself.
  const isPart = source.kind === "live" && source.point === null;
  const records = isPart ? all : partOf(all, domid);
  if (!records.some((record) => record.kind === "domain" || record.kind === "node")) {
    throw new ArchiveError(`there is no domain ${domid}`, source.text);
  }
  if (isPart) return whole;
  const { hidden, lack, name, nodesOnly, notes } = whole;
  const isThere = ({ path }: Node): boolean => hidden?.has(path) ?? false;
  const hiddenThere = records.filter((record) => record.kind === "node").filter(isThere);
  return {
    name,
    nodesOnly,
    notes,
    records,
    ...(hidden === undefined ? {} : { hidden: new Set(hiddenThere.map(({ path }) => path)) }),
    ...(lack === undefined ? {} : { lack }),
  };
}

async function readWhole(source: Source, context: SourceContext): Promise<Archive> {
  if (source.kind === "live" && source.point === null) return await readLive(context);
  if (source.kind === "stdin") return archiveOf("standard input", await context.stdin());
  const { point, text } = source;
  if (source.kind === "file" && point === null) return await readFile(source.path, text);
  return await readPast(source, point!, context);
}

/**
 * A moment of the past: of the store file, which has all, as far as it has that; else of the history, which goes back further and
 * has nodes.
 */
async function readPast(
  source: Source & { readonly kind: "live" | "file" },
  point: Point,
  context: SourceContext,
): Promise<Archive> {
  const { text } = source;
  try {
    return await readStorePast(source, point, context);
  } catch (error) {
    const isThere = error instanceof ArchiveError && point.kind !== "turn";
    if (!isThere) throw error;
    try {
      return await readPastArchive(await historyOf(source, context), point, text);
    } catch (inHistory) {
      const isMissing = inHistory instanceof NoHistoryError ||
        inHistory instanceof XenstoreError && inHistory.code !== "ETIMEDOUT";
      if (isMissing) throw error;
      if (!(inHistory instanceof ArchiveError) || inHistory.object !== "") throw inHistory;
      throw new ArchiveError(inHistory.text, text);
    }
  }
}

async function readStorePast(
  source: Source & { readonly kind: "live" | "file" },
  point: Point,
  context: SourceContext,
): Promise<Archive> {
  const { bootAt } = context, { text } = source;
  const { path, startedAt } = source.kind === "file"
    ? { path: source.path, startedAt: null }
    : await findLiveStore(context, text);
  const place = storePoint(point, { bootAt, startedAt }, text);
  if (isStore(path)) return readStoreArchive(path, place, text);
  throw new ArchiveError("it is not a store file (only these have a history)", path);
}

async function historyOf(
  source: Source & { readonly kind: "live" | "file" },
  { connect, socketPath }: SourceContext,
): Promise<HistorySource> {
  const store = source.kind === "file" ? source.path : null;
  return await findHistory({ connect, socketPath, store });
}

/** A stream, decoded only where more is wanted than its bytes. */
class StreamArchive implements Archive {
  readonly nodesOnly = false;
  #decoded: Pick<Archive, "records" | "notes"> | null = null;

  constructor(
    readonly name: string,
    readonly stream: Uint8Array,
    readonly isFresh: boolean,
  ) {}

  get records(): readonly StateRecord[] {
    return (this.#decoded ??= decodeNamed(this.stream, this.name)).records;
  }

  /** What decoding has told. */
  get notes(): readonly string[] {
    return this.#decoded?.notes ?? [];
  }
}

async function readLive(context: SourceContext): Promise<Archive> {
  const { domid, interrupt, progress } = context;
  const nodes = await context.connect();
  const sink = new Collected();
  if (await dumpLive(nodes, domid, sink, progress, interrupt)) {
    return new StreamArchive("live", sink.bytes, true);
  }
  const notes = ["live: this daemon has no command for it: only nodes and permissions were read"];
  const all = await walkNodes(nodes, progress);
  const records = domid === null ? all : partOf(all, domid);
  return { name: "live", records, nodesOnly: true, notes };
}

const SQLITE = "SQLite format 3\0";

async function readFile(path: string, text: string): Promise<Archive> {
  if (isStore(path)) return readStoreArchive(path, null, text);
  const bytes = isPipeOrDevice(path) ? await readPipe(path) : readBytes(path, Infinity);
  return archiveOf(text, bytes);
}

function isStore(path: string): boolean {
  return !isPipeOrDevice(path) && toText(readBytes(path, SQLITE.length)) === SQLITE;
}

/** A dump in any format, from its bytes. */
function archiveOf(name: string, bytes: Uint8Array): Archive {
  if (toText(bytes.subarray(0, SQLITE.length)) === SQLITE) {
    throw new ArchiveError("a store file cannot be read from a pipe (name the file)", name);
  }
  return bytes.length > 0 && looksLikeJson(bytes)
    ? named(name, () => ({ name, records: fromJson(bytes), nodesOnly: false, notes: [] }))
    : new StreamArchive(name, bytes, false);
}

function isPipeOrDevice(path: string): boolean {
  try {
    const { isDirectory, isFile } = Deno.statSync(path);
    if (isDirectory) {
      throw new ArchiveError("it is a directory (name a dump or a store file)", path);
    }
    return !isFile;
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw fileError(error, path, "read");
  }
}

/** Reads a pipe to its end: it has no size, and cannot be read twice. */
async function readPipe(path: string): Promise<Uint8Array> {
  try {
    using file = await Deno.open(path);
    return await readToEnd(file.readable.values({ preventCancel: true }), path);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw fileError(error, path, "read");
  }
}

async function readToEnd(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    read.push(chunk);
    length += chunk.length;
    if (length <= RESTORE_BYTES_MAX) continue;
    throw new ArchiveError(`it has more than ${RESTORE_BYTES_MAX} bytes`, name);
  }
  return joinChunks(read);
}

function readBytes(path: string, most: number): Uint8Array {
  try {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    const bytes = new Uint8Array(Math.min(size, most));
    let at = 0;
    for (let count = 1; at < bytes.length && count > 0; at += count) {
      count = file.readSync(bytes.subarray(at)) ?? 0;
    }
    return bytes.subarray(0, at);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw fileError(error, path, "read");
  }
}

function decodeNamed(bytes: Uint8Array, name: string): Pick<Archive, "records" | "notes"> {
  return named(name, () => {
    const { format, notes, records: all, version } = decodeStream(bytes);
    const records = format === "stream" && version === 1 ? all.map(withFeatures) : all;
    return { records, notes: notes.map((note) => `${name}: ${note}`) };
  });
}

/** Version 1 has no place for features: its domains are offered the usual ones. */
function withFeatures(record: StateRecord): StateRecord {
  return record.kind === "domain" && record.features === 0
    ? { ...record, features: FEATURES }
    : record;
}

/** Errors of a file's contents, with the file's name. */
function named<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof StreamError || error instanceof JsonError) {
      throw new ArchiveError(error.message, name);
    }
    throw error;
  }
}

/** What of the records is one domain's: as a daemon asked for that domain alone would write it. */
export function partOf(records: readonly StateRecord[], domid: number): StateRecord[] {
  const mapping = { from: domid, to: domid };
  const vm = vmPathOf(records, domid);
  const ids = new Set<number>();
  return records.filter((record) => {
    switch (record.kind) {
      case "node": {
        if (mapPath(record.path, mapping) === null) return false;
        const isVm = record.path.startsWith("/vm/");
        return !isVm || record.path === vm || record.path.startsWith(`${vm}/`);
      }
      case "connection":
        if (record.end.kind !== "ring" || record.end.domid !== domid) return false;
        ids.add(record.id);
        return true;
      case "domain":
        return record.domid === domid;
      case "watch":
      case "transaction":
      case "transaction-node":
        return ids.has(record.connection);
      default:
        return false;
    }
  });
}

function vmPathOf(records: readonly StateRecord[], domid: number): string | null {
  const path = `/local/domain/${domid}/vm`;
  const node = records.find((record): record is Node =>
    record.kind === "node" && record.path === path
  );
  return node === undefined ? null : toText(node.value);
}
