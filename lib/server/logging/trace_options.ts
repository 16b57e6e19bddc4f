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
