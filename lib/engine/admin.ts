import type { ErrorCode } from "../wire/errors.ts";

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
  /** Puts a line into the trace. */
  print(text: string): void;
}

/** For an engine without a daemon around it: nothing to switch, nothing written. */
export const NO_ADMIN: Admin = {
  switches: () => [],
  setSwitch: () => false,
  setTrace: () => 0,
  setTraceFile: () => 0,
  memoryReport: () => 0,
  print: () => {},
};
