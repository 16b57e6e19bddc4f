import { switchSetting, TRACE, TRACE_FILE } from "../engine/settings.ts";
import { toText } from "../wire/text.ts";
import type { Log } from "./log.ts";
import { Trace } from "./trace.ts";

/** What the command line can say of the trace. */
export interface TraceOptions {
  /** A file to trace every message to. */
  readonly traceFile?: string;
  /** Trace switches, such as `+wrl` or `-io`. */
  readonly traceControl?: readonly string[];
}

/**
 * The trace as the command line wants it.
 *
 * @throws {Error} for a switch that there is not, or a file that can't be opened.
 */
export function openTrace({ traceControl, traceFile }: TraceOptions, log: Log): Trace {
  const trace = new Trace(log);
  for (const control of traceControl ?? []) {
    const isKnown = /^[+-]/.test(control) && trace.set(control.slice(1), control[0] === "+");
    if (isKnown) continue;
    const names = trace.switches().map(([name]) => name).join(", ");
    throw new Error(`Unknown trace switch '${control}': it is + or - and one of ${names}`);
  }
  if (traceFile !== undefined) trace.openFile(traceFile);
  return trace;
}

/** What the command line says of each setting that CONTROL can set, too (see Settings). */
export function toldSettings(options: TraceOptions): ReadonlyMap<string, string> {
  const { traceControl, traceFile } = options;
  const told = new Map<string, string>();
  for (const control of traceControl ?? []) {
    told.set(switchSetting(control.slice(1)), control[0] === "+" ? "on" : "off");
  }
  if (traceFile === undefined) return told;
  const path = toText(new TextEncoder().encode(traceFile));
  // Who names a file wants it written.
  return told.set(TRACE_FILE, path).set(TRACE, path);
}
