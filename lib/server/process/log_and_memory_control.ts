import type {
  ArchiveActions,
  DaemonActions,
  HistoryActions,
  StreamActions,
  UpdateActions,
} from "../../engine/daemon_actions.ts";
import type { ProcessStatus } from "../../engine/process_status.ts";
import { switchOf, TRACE, TRACE_FILE } from "../../engine/settings.ts";
import { EACCES, EINVAL, EIO, ENOENT, type ErrorCode, OK } from "../../wire/errors.ts";
import { escapeBytes } from "../../wire/escape.ts";
import { toBytes } from "../../wire/text.ts";
import { type Log, message } from "../logging/log.ts";
import { type ProcessFacts, processStatus } from "./read_process_status.ts";
import type { Trace } from "../logging/trace.ts";

/** Where CONTROL logfile and memreport put files that are named without a directory. */
const REPORT_DIRECTORY = "/var/lib/xen/xenstore";

/** The daemon's logs and memory, as the CONTROL commands reach them. */
export class LogAndMemoryControl implements DaemonActions {
  readonly #trace: Trace;
  readonly #log: Log;
  readonly #configured: ReadonlyMap<string, string>;
  /** Set where the daemon is a process of its own. */
  liveUpdate: UpdateActions | null = null;
  archive: ArchiveActions | null = null;
  streams: StreamActions | null = null;
  /** Set where there is a history. */
  history: HistoryActions | null = null;
  /** Set where there is a daemon to tell of. */
  facts: (() => ProcessFacts) | null = null;

  /** `told` is what the command line said of settings, by their names. */
  constructor(trace: Trace, log: Log, configured: ReadonlyMap<string, string> = new Map()) {
    this.#trace = trace;
    this.#log = log;
    this.#configured = configured;
  }

  switches(): readonly (readonly [name: string, on: boolean])[] {
    return this.#trace.switches();
  }

  setSwitch(name: string, on: boolean): boolean {
    return this.#trace.set(name, on);
  }

  setTrace(on: boolean): ErrorCode {
    if (on) return this.#attempt("open the trace file", () => this.#trace.reopen());
    this.#trace.close();
    return OK;
  }

  setTraceFile(path: string): ErrorCode {
    return this.#attempt("open the trace file", () => this.#trace.openFile(absolute(path)));
  }

  memoryReport(path: string | null): ErrorCode {
    const report = memoryReport();
    if (path === null) {
      // No trace file is a bad descriptor to the C daemon, an error without a name on the wire.
      if (!this.#trace.open) return EINVAL;
      for (const line of report.split("\n")) this.#trace.line(line);
      return OK;
    }
    return this.#attempt(
      "write the memory report",
      () =>
        Deno.writeTextFileSync(absolute(path), `${report}\n`, {
          append: true,
          create: true,
          mode: 0o600,
        }),
    );
  }

  processStatus(): ProcessStatus | null {
    return this.facts === null ? null : processStatus(this.facts());
  }

  print(bytes: string): void {
    const text = escapeBytes(bytes);
    this.#trace.line(text);
    this.#log("info", text);
  }

  configured(setting: string): string | null {
    return this.#configured.get(setting) ?? null;
  }

  resume(settings: ReadonlyMap<string, string>): void {
    for (const [name, value] of settings) {
      const traceSwitch = switchOf(name);
      if (traceSwitch !== null) this.#trace.set(traceSwitch, value === "on");
    }
    const file = settings.get(TRACE_FILE);
    if (file !== undefined) this.#trace.name(absolute(file));
    if (settings.get(TRACE) === "off") this.#trace.close();
    else if (!this.#trace.open) this.#resumeTrace();
  }

  /** A file that is gone for good must not keep the daemon from starting. */
  #resumeTrace(): void {
    try {
      this.#trace.reopen();
    } catch (error) {
      const why = message(error);
      const hint = "name another one with CONTROL logfile, or try again with CONTROL log on";
      this.#log("warning", `the trace is off: its file cannot be opened again: ${why}; ${hint}`);
    }
  }

  #attempt(what: string, action: () => void): ErrorCode {
    try {
      action();
      return OK;
    } catch (error) {
      this.#log("warning", `cannot ${what}: ${message(error)}`);
      if (error instanceof Deno.errors.NotFound) return ENOENT;
      return error instanceof Deno.errors.PermissionDenied ? EACCES : EIO;
    }
  }
}

/** The file that a client means, one character a byte. */
function absolute(bytes: string): string {
  const path = new TextDecoder().decode(toBytes(bytes));
  return path.startsWith("/") ? path : `${REPORT_DIRECTORY}/${path}`;
}

/** Memory of the process, in bytes. The C daemon's own form is not a stable one. */
function memoryReport(): string {
  const use = Deno.memoryUsage();
  const line = (name: string, bytes: number): string => `  ${name.padEnd(28)} ${bytes} bytes`;
  return [
    `memory report of xs, process ${Deno.pid}:`,
    line("resident", use.rss),
    line("JavaScript heap, reserved", use.heapTotal),
    line("JavaScript heap, used", use.heapUsed),
    line("outside of the heap", use.external),
  ].join("\n");
}
