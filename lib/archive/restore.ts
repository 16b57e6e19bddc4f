import type { Operations } from "../client/operations.ts";
import type { DomainMapping } from "../state/domain_part.ts";
import { type CheckedRecords, collect } from "../state/checked_records.ts";
import { RECORDS_PER_PAUSE } from "../limits.ts";
import { isReadAtOnce } from "../codec/stream.ts";
import { type Archive, ArchiveError, type ProgressSink } from "./archive.ts";
import { formatArchive } from "./format.ts";
import { Interrupt } from "./interrupt.ts";
import { restoreIntoLive } from "./daemon_archive.ts";
import { named } from "./read_file.ts";
import { checkFree, loadState, writeStore } from "./store_target.ts";
import { counted } from "../wire/counted.ts";

/** What a restore is to do. */
export interface RestoreRequest {
  /** A file for a new store, the daemon, or null: only to be checked. */
  readonly into:
    | { readonly kind: "live" }
    | { readonly kind: "store"; readonly path: string }
    | null;
  readonly dryRun: boolean;
  readonly overQuota: boolean;
  readonly mapping: DomainMapping | null;
}

/** What it did, or with `dryRun` would do: counts by name, and what was left out. */
export interface RestoreResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
}

/**
 * Restores an archive: all of it is checked first, and then all is done or nothing.
 *
 * @throws {ArchiveError} that says why it cannot be.
 */
export async function restoreArchive(
  archive: Archive,
  request: RestoreRequest,
  connect: () => Promise<Operations>,
  progress: ProgressSink,
  interrupt = new Interrupt(),
): Promise<RestoreResult> {
  const { dryRun, into, mapping, overQuota } = request;
  if (archive.lack !== undefined) throw new ArchiveError(archive.lack, archive.name);
  if (into?.kind === "live") {
    return await restoreLive(archive, request, connect, progress, interrupt);
  }
  const all = named(archive.name, () => collectWith(progress, archive, mapping));
  if (mapping !== null) return partResult(all, mapping);
  const { report, state } = named(archive.name, () => loadState(all, overQuota));
  if (into !== null) {
    checkFree(into.path);
    if (!dryRun) writeStore(into.path, state);
  }
  const { leftOut, ...counts } = report;
  return { counts, leftOut };
}

function collectWith(
  progress: ProgressSink,
  { records }: Archive,
  mapping: DomainMapping | null,
): CheckedRecords {
  const steps = collect(records, mapping);
  for (let done = 0;; done += RECORDS_PER_PAUSE) {
    const step = steps.next();
    if (step.done === true) return step.value;
    progress.update("checking", done, records.length);
  }
}

/** What is known of a domain's part before any daemon has looked at it. */
function partResult(all: CheckedRecords, { from }: DomainMapping): RestoreResult {
  const connection = all.rings().get(from);
  return {
    counts: {
      nodes: all.nodes,
      watches: connection?.watches.size ?? 0,
      transactions: connection?.transactions.size ?? 0,
    },
    leftOut: all.others === 0 ? [] : [`${counted(all.others, "node")} not of the domain`],
  };
}

async function restoreLive(
  archive: Archive,
  { dryRun, mapping, overQuota }: RestoreRequest,
  connect: () => Promise<Operations>,
  progress: ProgressSink,
  interrupt: Interrupt,
): Promise<RestoreResult> {
  const nodes = await connect();
  const how = { format: "stream", version: 2, endian: "little" } as const;
  // The daemon reads all formats, and checks what it reads; but some of them it can only read at
  // once, while its clients wait.
  const { name, stream } = archive;
  const chunks = stream === undefined || isReadAtOnce(stream)
    ? [...formatArchive(archive, how, () => {})]
    : [stream];
  const options = [...(dryRun ? ["-n"] : []), ...(overQuota ? ["-q"] : [])];
  const domain = mapping === null ? [] : [`${mapping.from}:${mapping.to}`];
  const order = { chunks, name, options, domain, dryRun };
  const report = await restoreIntoLive(nodes, order, progress, interrupt);
  if (report === null) {
    throw new ArchiveError("this daemon cannot restore (only xs has a command for it)");
  }
  const { leftOut, ...counts } = JSON.parse(report);
  return { counts, leftOut };
}
