import type { ErrorCode } from "../wire/errors.ts";
import type { ProcessStatus } from "./status.ts";

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
  /** Why a file can't be the next daemon, as the reply's text; null when it may be. */
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
  /** Absolute path of a migration stream of any format. */
  readonly file: string;
  /** One domain's part only, and as which domain; null for the whole store. */
  readonly mapping: { readonly from: number; readonly to: number } | null;
  /** Only look whether it could be done. */
  readonly check: boolean;
  /** Even if a domain then is over its quotas. */
  readonly overQuota: boolean;
}

/** Long work on behalf of an operator: one at a time, a slice a turn, asked about by its number. */
export interface ArchiveActions {
  /** Begins to write a stream to a new file; the job's number, or why not, as the reply's text. */
  dump(file: string, domid: number | null): string;
  /** Begins to restore one; likewise. */
  restore(order: RestoreOrder): string;
  /** How a job gets on: a word, and what there is to say; null for one not known any more. */
  status(job: string): string | null;
}

/** What CONTROL commands reach in the daemon around the engine: its logs and its memory. */
export interface Admin {
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
  /** How this daemon can be replaced; null where it can't. */
  readonly liveUpdate: UpdateActions | null;
  /** Dumps and restores; null where there are no files. */
  readonly archive: ArchiveActions | null;
  /** Puts a line into the trace. */
  print(text: string): void;
  /** What the command line said of a setting; null for nothing. */
  told(setting: string): string | null;
  /** After a restart: these settings are to be again as CONTROL left them. */
  resume(settings: ReadonlyMap<string, string>): void;
}

/** For an engine without a daemon around it: nothing to switch, nothing written. */
export const NO_ADMIN: Admin = {
  switches: () => [],
  setSwitch: () => false,
  setTrace: () => 0,
  setTraceFile: () => 0,
  memoryReport: () => 0,
  processStatus: () => null,
  liveUpdate: null,
  archive: null,
  print: () => {},
  told: () => null,
  resume: () => {},
};
