import { DUMP_REQUESTS_AHEAD, DUMP_TRIES_MAX } from "../limits.ts";
import { XenstoreError } from "../client/error.ts";
import { type Operations, toByteText } from "../client/operations.ts";
import { joinChunks } from "../codec/chunk_writer.ts";
import { ArchiveError, type ProgressSink } from "./archive.ts";
import type { ByteSink } from "./file.ts";
import { type Interrupt, InterruptedError } from "./interrupt.ts";
import { type JobStatus, RemoteJob, TakenOverError, tracked } from "./remote_job.ts";

/**
 * Has an `xs` daemon write the stream of itself, or of one domain, into a sink: it comes over the connection, as fast as it
 * is taken. False when the daemon is another kind.
 *
 * @throws {ArchiveError} when it cannot; and what the sink throws.
 */
export async function dumpLive(
  nodes: Operations,
  domid: number | null,
  sink: ByteSink,
  progress: ProgressSink,
  interrupt: Interrupt,
): Promise<boolean> {
  return await interrupt.defer(async () => {
    for (let tries = 1;; tries++) {
      try {
        const job = await RemoteJob.begin(nodes, ["dump", domid === null ? "all" : `${domid}`]);
        if (job !== null) await readDump(job, sink, progress, interrupt);
        return job !== null;
      } catch (error) {
        const isLast = tries === DUMP_TRIES_MAX;
        if (!(error instanceof TakenOverError) || isLast || !sink.restart()) throw error;
      }
    }
  });
}

async function readDump(
  job: RemoteJob,
  sink: ByteSink,
  progress: ProgressSink,
  interrupt: Interrupt,
): Promise<void> {
  const isBegun = ({ kind }: JobStatus): boolean => kind !== "waiting";
  const begun = await job.watch(isBegun, "dumping", progress, interrupt);
  const flying: Promise<Uint8Array>[] = [];
  let length = 0;
  for (let isOver = begun.kind !== "running"; !isOver;) {
    while (flying.length < DUMP_REQUESTS_AHEAD) flying.push(tracked(job.read()));
    const bytes = await flying.shift()!;
    isOver = bytes.length === 0 || interrupt.requested;
    await sink.put(bytes).catch(async (error) => {
      // The daemon keeps a snapshot for it, and has others wait.
      await job.cancel().catch(() => {});
      throw error;
    });
    length += bytes.length;
    progress.update("dumping, bytes", length, 0);
  }
  await Promise.all(flying);
  const end = interrupt.requested ? await job.cancel() : await job.status();
  if (interrupt.requested) throw new InterruptedError("interrupted: the dump is given up", "live");
  if (end.kind === "done") return;
  throw new ArchiveError(end.kind === "failed" ? end.why : "the dump was given up", "live");
}

/** Keeps all bytes in memory. */
export class Collected implements ByteSink {
  #chunks: Uint8Array[] = [];

  put(bytes: Uint8Array): Promise<void> {
    this.#chunks.push(bytes);
    return Promise.resolve();
  }

  restart(): true {
    this.#chunks = [];
    return true;
  }

  get bytes(): Uint8Array {
    return joinChunks(this.#chunks);
  }
}

/** What a daemon is to restore, and how: see CONTROL `restore`. */
export interface LiveRestore {
  readonly chunks: readonly Uint8Array[];
  /** What the user calls it. */
  readonly name: string;
  readonly options: readonly string[];
  readonly domain: readonly string[];
  /** It changes nothing. */
  readonly dryRun: boolean;
}

/**
 * Has an `xs` daemon restore a stream, which goes over the connection; returns its report, or null
 * when it is another kind. When the user interrupts it, the daemon says whether it has taken effect.
 *
 * @throws {ArchiveError} with the daemon's reason when it cannot.
 */
export async function restoreIntoLive(
  nodes: Operations,
  restore: LiveRestore,
  progress: ProgressSink,
  interrupt: Interrupt,
): Promise<string | null> {
  const { chunks, domain, name, options } = restore;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return await interrupt.defer(async () => {
    const job = await RemoteJob.begin(nodes, ["restore", ...options, `${length}`, ...domain]);
    if (job === null) return null;
    try {
      const end = await putAll(job, chunks, length, progress, interrupt);
      if (interrupt.requested) throw interrupted(await job.cancel(), restore);
      if (end.kind === "done") return end.report;
      throw new ArchiveError(end.kind === "failed" ? end.why : "the restore was given up", name);
    } catch (error) {
      throw explained(error, restore);
    }
  });
}

/** Sends all, and waits for the end. */
async function putAll(
  job: RemoteJob,
  chunks: readonly Uint8Array[],
  length: number,
  progress: ProgressSink,
  interrupt: Interrupt,
): Promise<JobStatus> {
  const isBegun = ({ kind }: JobStatus): boolean => kind !== "waiting";
  const begun = await job.watch(isBegun, "restoring", progress, interrupt);
  const flying: Promise<JobStatus>[] = [];
  let sent = 0, isOver = begun.kind !== "running" || interrupt.requested;
  for (const piece of pieces(chunks, job.putBytes)) {
    if (isOver) break;
    flying.push(tracked(job.put(piece)));
    sent += piece.length;
    progress.update("sending", sent, length);
    if (flying.length < DUMP_REQUESTS_AHEAD) continue;
    const { kind } = await flying.shift()!;
    isOver = kind !== "running" || interrupt.requested;
  }
  await Promise.all(flying);
  const isEnd = ({ kind }: JobStatus): boolean => kind !== "running" && kind !== "waiting";
  return await job.watch(isEnd, "restoring", progress, interrupt);
}

function* pieces(chunks: readonly Uint8Array[], most: number): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += most) yield chunk.subarray(at, at + most);
  }
}

function interrupted(status: JobStatus, { dryRun, name }: LiveRestore): InterruptedError {
  const hasTakenEffect = !dryRun && (status.kind === "done" || status.kind === "running");
  const text = hasTakenEffect
    ? "interrupted, but the restore had already taken effect"
    : "interrupted: the restore is given up, nothing has changed";
  return new InterruptedError(text, name);
}

/** Whether a restore has taken effect is not known when the daemon that did it is not there any more. */
function explained(error: unknown, { dryRun, name }: LiveRestore): unknown {
  if (dryRun) return error;
  const uncertain = "the restore may have taken effect";
  if (error instanceof TakenOverError) {
    const text = `another daemon has taken over meanwhile: ${uncertain} (xs diff tells)`;
    return new ArchiveError(text, name);
  }
  const isLost = error instanceof XenstoreError &&
    (error.code === "ECONNRESET" || error.code === "ETIMEDOUT");
  if (!isLost) return error;
  const { code, detail, operation } = error;
  return new XenstoreError(code, operation, toByteText(name), `${detail}; ${uncertain}`);
}
