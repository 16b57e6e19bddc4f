import { Redaction } from "../../store/redaction.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "./log.ts";
import { forOption, OptionError } from "../../wire/system_error.ts";
import { Trace } from "./trace.ts";

/** What the command line can say of the trace. */
export interface TraceOptions {
  /** A file to trace every message to. */
  readonly traceFile?: string;
  /** Trace switches, such as `+wrl` or `-io`. */
  readonly traceControl?: readonly string[];
  /** Patterns of paths whose values must not be shown, besides the usual ones. */
  readonly redact?: readonly string[];
}

/**
 * The trace as the command line wants it.
 *
 * @throws {OptionError} for an unknown switch, or a file that cannot be opened.
 */
export function openTrace(
  { redact, traceControl, traceFile }: TraceOptions,
  log: Log,
  clock: Clock,
): Trace {
  const trace = new Trace(log, clock, new Redaction(redact));
  for (const control of traceControl ?? []) {
    const isKnown = /^[+-]/.test(control) && trace.set(control.slice(1), control[0] === "+");
    if (isKnown) continue;
    const names = trace.switches().map(([name]) => name).join(", ");
    throw new OptionError(
      `--trace-control ${control}`,
      `unknown trace switch (+ or - and one of ${names})`,
    );
  }
  if (traceFile !== undefined) {
    forOption("--trace-file", traceFile, () => trace.openFile(traceFile));
  }
  return trace;
}
