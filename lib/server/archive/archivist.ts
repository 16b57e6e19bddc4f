import type { ArchiveActions, RestoreOrder } from "../../engine/admin.ts";
import type { Connection } from "../../engine/connection.ts";
import type { State } from "../../engine/state.ts";
import type { Journal } from "../../journal/journal.ts";
import { ARCHIVE_SLICE_MS } from "../../limits.ts";
import { capture, type Captured, type ConnectionIo } from "../../migrate/capture.ts";
import type { ConnectionRecord } from "../../migrate/records.ts";
import { RestoreError } from "../../migrate/plan.ts";
import { StreamEncoder, StreamError } from "../../migrate/stream.ts";
import { isSystemError, systemReason } from "../../wire/system_error.ts";
import { restoreSteps } from "./archive_restore.ts";
import { type Log, message, stackOf } from "../logging/log.ts";
import { Peer } from "../peer/peer.ts";
import type { InFlight } from "../peer/peer_host.ts";
import type { TurnJob, Turns } from "../turn.ts";

/** Records between two looks at the clock. */
const RECORDS_PER_LOOK = 64;

/** How far a job is, for those who ask. */
export interface Progress {
  done: number;
  expected: number;
}

/** The steps of a job: it pauses where it yields, and returns what is to be told of its end. */
export type JobSteps = Generator<void, string>;

interface Job {
  readonly number: number;
  readonly what: string;
  readonly progress: Progress;
  /** Its end, as {@link Archivist.status} tells it; null while it is under way. */
  end: string | null;
}

/** Dumps and restores of a daemon that goes on serving: one at a time, in slices. */
export class Archivist implements ArchiveActions {
  readonly #state: State;
  readonly #turns: Turns;
  readonly #journal: Journal;
  readonly #log: Log;
  #job: Job | null = null;

  constructor(state: State, turns: Turns, journal: Journal, log: Log) {
    this.#state = state;
    this.#turns = turns;
    this.#journal = journal;
    this.#log = log;
  }

  dump(file: string, domid: number | null): string {
    const busy = this.#busy();
    if (busy !== null) return busy;
    let out: Deno.FsFile;
    try {
      // Never an existing file, nor one behind a link: O_EXCL follows none.
      out = Deno.openSync(file, { write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      return `cannot make ${file}: ${systemReason(error)}`;
    }
    const captured = this.#capture(domid);
    const progress = { done: 0, expected: captured.expected };
    return this.#begin(`dump to ${file}`, progress, dumpSteps(captured, out, progress, file));
  }

  restore(order: RestoreOrder): string {
    const busy = this.#busy();
    if (busy !== null) return busy;
    const progress = { done: 0, expected: 0 };
    const steps = restoreSteps(
      { state: this.#state, journal: this.#journal, inherit },
      order,
      progress,
    );
    return this.#begin(`restore of ${order.file}`, progress, steps);
  }

  status(job: string): string | null {
    const latest = this.#job;
    if (latest === null || job !== `${latest.number}`) return null;
    const { done, expected } = latest.progress;
    return latest.end ?? `running ${done} of ${Math.max(done, expected)}`;
  }

  #busy(): string | null {
    if (this.#turns.job === null) return null;
    const job = this.#job?.end === null ? this.#job.what : "something else";
    return `busy with the ${job}: try again when that is done`;
  }

  #begin(what: string, progress: Progress, steps: JobSteps): string {
    const job: Job = { number: (this.#job?.number ?? 0) + 1, what, progress, end: null };
    this.#job = job;
    const sliced = new SlicedJob(steps, (end, error) => {
      job.end = end;
      if (error === null) this.#log("info", `${what}: ${end}`);
      else this.#log(isExpected(error) ? "warning" : "error", `${what}: ${textOf(error)}`);
    });
    this.#turns.begin(sliced);
    return `job ${job.number}`;
  }

  #capture(domid: number | null): Captured {
    return capture(this.#state, domid === null ? { io: ioOf } : { io: ioOf, domid });
  }
}

/** What is buffered either way; descriptors and ports mean nothing outside of this process. */
function ioOf({ outbox }: Connection): ConnectionIo {
  const flight = outbox instanceof Peer ? outbox.handOver() : NOTHING_IN_FLIGHT;
  return { ...flight, fd: -1, port: 0 };
}

const NOTHING = new Uint8Array(0);
const NOTHING_IN_FLIGHT: InFlight = {
  input: NOTHING,
  output: NOTHING,
  partialResponse: 0,
  ignored: false,
};

/** A ring that has something in flight of its own can't go on with another's. */
function inherit({ outbox }: Connection, record: ConnectionRecord): boolean {
  if (!(outbox instanceof Peer)) return false;
  const own = outbox.handOver();
  if (own.ignored || own.input.length + own.output.length > 0) return false;
  const { input, output, partialResponse } = record;
  outbox.takeOver({ input, output, partialResponse, ignored: false });
  return true;
}

/** A dump that cannot be written. */
class DumpError extends Error {
  override readonly name = "DumpError";
}

/** What goes wrong outside of this program: it is told in a line, without the way to it. */
function isExpected(error: unknown): boolean {
  return error instanceof DumpError || error instanceof RestoreError ||
    error instanceof StreamError || isSystemError(error);
}

function textOf(error: unknown): string {
  return isExpected(error) ? message(error) : stackOf(error);
}

/** Does steps until its share of the turn is used. */
class SlicedJob implements TurnJob {
  constructor(
    private readonly steps: JobSteps,
    private readonly onEnd: (end: string, error: unknown) => void,
  ) {}

  step(): boolean {
    const until = performance.now() + ARCHIVE_SLICE_MS;
    try {
      for (let step = this.steps.next();; step = this.steps.next()) {
        if (step.done === true) {
          this.onEnd(`done ${step.value}`, null);
          return false;
        }
        if (performance.now() >= until) return true;
      }
    } catch (error) {
      this.onEnd(`failed ${message(error)}`, error);
      return false;
    }
  }

  abandon(): void {
    this.steps.return("");
  }
}

function* dumpSteps(
  captured: Captured,
  out: Deno.FsFile,
  progress: Progress,
  file: string,
): JobSteps {
  let whole = false;
  try {
    const encoder = new StreamEncoder({ version: 2, endian: "little" });
    const { records } = captured;
    for (let next = records.next(); next.done !== true; next = records.next()) {
      encoder.put(next.value);
      if (++progress.done % RECORDS_PER_LOOK !== 0) continue;
      writeAll(out, encoder.take(), file);
      yield;
    }
    encoder.end();
    writeAll(out, encoder.take(), file);
    whole = true;
    return `${progress.done} records, ${encoder.length} bytes`;
  } finally {
    out.close();
    if (!whole) Deno.removeSync(file);
  }
}

function writeAll(out: Deno.FsFile, chunks: readonly Uint8Array[], file: string): void {
  try {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) at += out.writeSync(chunk.subarray(at));
    }
  } catch (error) {
    throw new DumpError(`cannot write ${file}: ${systemReason(error)}`);
  }
}
