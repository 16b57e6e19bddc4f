import { XenstoreError } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import { statOf } from "../files.ts";
import { LOCAL_ZONE, parsePoint, type Point, type Zone } from "../history/points.ts";
import type { Node } from "../state/records.ts";
import { type Archive, ArchiveError, NoHistoryError, type ProgressSink } from "./archive.ts";
import type { Interrupt } from "./interrupt.ts";
import { Collected, dumpLive } from "./daemon_archive.ts";
import { findLiveStore } from "./find_store_file.ts";
import { findHistory, type HistorySource } from "./past/history_source.ts";
import { readPastArchive } from "./past/past_archive.ts";
import { storePoint } from "./store_point.ts";
import { readStoreArchive } from "./store_source.ts";
import { walkNodes } from "./read_any_daemon.ts";
import { partOf } from "./part_of.ts";
import { archiveOf, isStore, readFile, StreamArchive } from "./read_file.ts";

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
