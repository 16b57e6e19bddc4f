import type { ErrorCode } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import type { ProcessStatus } from "./process_status.ts";

/** A live update that an operator asks for. */
export interface UpdateOrder {
  /** The next daemon's file. */
  readonly file: string;
  /** Its command line without its name; null for this daemon's own. */
  readonly commandLine: string | null;
  /** Version of the migration stream; null for the best that the next daemon reads. */
  readonly version: number | null;
}

/** What a live update asks of the daemon around the engine. */
export interface UpdateActions {
  /** Why a file cannot be the next daemon, as the reply's text; null when it may be. */
  refuse(file: string): string | null;
  /** Tries the next daemon out while this one serves on; tells LiveUpdate.tried how it went. */
  tryOut(order: UpdateOrder): void;
  /** At the end of this turn hands over to it; LiveUpdate.fail is told if that is not possible. */
  handOver(order: UpdateOrder): void;
  /** Nobody waits for a trial or a handing over any more. */
  drop(): void;
}

/** What a restore is asked to be. */
export interface RestoreOrder {
  /** Length of the migration stream, of any format, that its client is going to send. */
  readonly bytes: number;
  /** One domain's part only, and as which domain; null for the whole store. */
  readonly mapping: { readonly from: number; readonly to: number } | null;
  /** Only look whether it could be done. */
  readonly check: boolean;
  /** Even if a domain then is over its quotas. */
  readonly overQuota: boolean;
}

/**
 * Dumps and restores: one at a time, the others in a queue. Each belongs to the connection that asked
 * for it, ends with it, and is known to no other; null of all these says that a job is not known.
 * Times are those of the requests, in ms.
 */
export interface ArchiveActions {
  /** Asks for a dump of the store, or of one domain; the job's number, or why not, as the reply's text. */
  dump(by: Connection, domid: number | null, now: number): string;
  /** Asks for a restore; likewise. */
  restore(by: Connection, order: RestoreOrder, now: number): string;
  /** How a job gets on: a word, and what there is to say. */
  status(by: Connection, job: string, now: number): string | null;
  /** Gives a job up unless it has taken effect; how it stands then. */
  cancel(by: Connection, job: string, now: number): string | null;
  /** The next bytes of a dump, valid until the next call; none at its end, or while it waits. */
  read(by: Connection, job: string, now: number): Uint8Array | null;
  /** Takes the next bytes of what is restored; how the job stands then. */
  put(by: Connection, job: string, bytes: Uint8Array, now: number): string | null;
  /** A connection has ended: nobody waits for its jobs. */
  forget(by: Connection): void;
  /** When {@link look} must be called although nothing has come, in ms; Infinity for never. */
  readonly wakeAt: number;
  /** Gives up the jobs that nobody has asked about for too long. */
  look(now: number): void;
  /** Whether a job is under way, or has ended and its client does not know yet. */
  readonly busy: boolean;
  /** Bytes of memory that only the job under way keeps. */
  readonly bytes: number;
  /** While it is `held` no job of the queue begins. */
  hold(held: boolean): void;
  /** The daemon ends: gives up all jobs. */
  close(): void;
}

/** What a client can read of the daemon without asking for each piece. */
export interface StreamActions {
  /**
   * Lets the client read what it names, under the conditions that follow: "OK", with which it ends as a
   * client and its connection goes on as a stream, or why not, as the reply's text.
   */
  open(by: Connection, words: readonly string[]): string;
}

/**
 * What is asked of the history. Each query belongs to the connection that asked, and is known to no other. Times are those of the
 * requests, in ms.
 */
export interface HistoryActions {
  /** Asks; the query's number, `busy` and how many are being answered, or why not, as the reply's text. */
  query(by: Connection, version: string, query: string, now: number): string;
  /** The next bytes of an answer, valid until the next call; none at its end, null when there is no such query. */
  read(by: Connection, number: string, now: number): Uint8Array | null;
  /** The rest is not wanted; false when there is no such query. */
  end(by: Connection, number: string): boolean;
  /** Takes paths and all below them out of the history: the purge's number, or why not, as the reply's text. */
  purge(paths: readonly string[]): string;
  /** How a purge stands: `running`, `done <values>` or `failed <why>`; null when there is no such purge. */
  purged(number: string): string | null;
  /** A connection has ended: nobody waits for its answers. */
  forget(by: Connection): void;
  /** When {@link look} is to be called although nothing has come, in ms; Infinity for never. */
  readonly wakeAt: number;
  /** Gives up the queries that nobody has asked about for too long. */
  look(now: number): void;
}

/** What CONTROL commands reach in the daemon around the engine: its logs and its memory. */
export interface DaemonActions {
  /** The trace switches and whether each is on, in the order in which they are listed. */
  switches(): readonly (readonly [name: string, on: boolean])[];
  /** Sets one switch; false when there is none of that name. */
  setSwitch(name: string, on: boolean): boolean;
  /** Opens the trace file again, or closes it. */
  setTrace(on: boolean): ErrorCode;
  /** Writes the trace to another file from now on. */
  setTraceFile(path: string): ErrorCode;
  /** Appends a report of memory use to `path`, or to the trace file. */
  memoryReport(path: string | null): ErrorCode;
  /** What there is to tell of the process; null where there is no daemon. */
  processStatus(): ProcessStatus | null;
  /** How this daemon can be replaced; null where it cannot. */
  readonly liveUpdate: UpdateActions | null;
  /** Dumps and restores; null where there is no daemon. */
  readonly archive: ArchiveActions | null;
  /** Streams; null where there is no daemon. */
  readonly streams: StreamActions | null;
  /** Queries of the history; null where there is none. */
  readonly history: HistoryActions | null;
  /** Puts a line into the trace. */
  print(text: string): void;
  /** What the command line said of a setting; null for nothing. */
  configured(setting: string): string | null;
  /** After a restart: these settings must be again as CONTROL left them. */
  resume(settings: ReadonlyMap<string, string>): void;
}

/** For an engine without a daemon around it: nothing to switch, nothing written. */
export const NO_ACTIONS: DaemonActions = {
  switches: () => [],
  setSwitch: () => false,
  setTrace: () => 0,
  setTraceFile: () => 0,
  memoryReport: () => 0,
  processStatus: () => null,
  liveUpdate: null,
  archive: null,
  streams: null,
  history: null,
  print: () => {},
  configured: () => null,
  resume: () => {},
};
