import { buildCommand, type Command } from "@stricli/core";
import { version } from "../version.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import type { LogLevel } from "../../lib/server/logging/log.ts";
import { quotaName, QUOTAS, type QuotaSetting } from "../../lib/engine/quotas.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { RESTART_DELAY_LIMIT_MS, RESTART_DELAY_MS, RESTARTS_MAX } from "../../lib/limits.ts";
import { OptionError, systemMessage } from "../../lib/wire/system_error.ts";
import { MEMORY_MIN } from "../../lib/limits.ts";
import { parseBytes, parseCount, parseDomid, parseDurationOption } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import type { XsContext } from "../context.ts";
import { runtimeArguments } from "../runtime_arguments.ts";

/** The options of `xs serve` as typed on the command line. */
export interface ServeFlags {
  readonly socket?: string;
  readonly logLevel: LogLevel;
  readonly logFile?: string;
  readonly traceFile?: string;
  readonly traceControl?: readonly string[];
  readonly xen: "auto" | "yes" | "no";
  readonly privDomid?: number;
  readonly masterDomid?: number;
  readonly eventPort?: number;
  readonly quota?: readonly QuotaSetting[];
  /** In ms. */
  readonly eventTimeout?: number;
  readonly memory?: number;
  readonly keepOrphans?: boolean;
  readonly persist: "crash" | "none" | "disk";
  readonly store?: string;
  readonly onDamage: "refuse" | "fresh";
  readonly keep?: readonly string[];
  readonly redact?: readonly string[];
  readonly syslog?: boolean;
  readonly pidFile?: string;
  readonly supervise?: boolean;
  readonly restarts?: number;
  /** In ms. */
  readonly restartDelay?: number;
  readonly liveUpdate?: boolean;
  readonly liveUpdateCheck?: string;
}

/** A quota's setting, such as `nodes=2000`. */
function parseQuota(input: string): QuotaSetting {
  const [what, text] = input.split("=");
  const name = quotaName(what ?? "");
  if (name === null) {
    const names = QUOTAS.map((quota) => quota.name).join(", ");
    throw new UsageError(`invalid quota (NAME=NUMBER, with NAME one of ${names})`);
  }
  return { name, value: parseCount(text ?? "") };
}

/** How much memory the store may take. */
function parseMemory(input: string): number {
  const bytes = parseBytes(input);
  if (bytes === 0 || bytes >= MEMORY_MIN) return bytes;
  throw new UsageError(`it is too small (at least ${MEMORY_MIN / 2 ** 20}M)`);
}

function parsePlace(input: string): string {
  if (input === "") throw new UsageError("it is empty (name a file)");
  return input;
}

/** Paths in which `*` and `?` stand for other characters: the names have the usual ones. */
const GLOB = /^(?:\/|(?:\/[\w@*?-]+)+)$/;

function parseGlob(input: string): string {
  if (GLOB.test(input)) return input;
  throw new UsageError("invalid path (begin with /, and use * and ? for other characters)");
}

/** How long to wait before a restart: a bare number of milliseconds, as once, is caught here. */
function parseRestartDelay(input: string): number {
  const delay = parseDurationOption(input);
  if (delay <= RESTART_DELAY_LIMIT_MS) return delay;
  const most = formatDuration(RESTART_DELAY_LIMIT_MS);
  throw new UsageError(`it is too long (at most ${most}; ${input}ms is milliseconds)`);
}

/** @throws {UsageError} for options that contradict each other. */
function checkTogether(flags: ServeFlags): void {
  const { keep = [], persist, store, supervise, restartDelay, restarts } = flags;
  if (persist === "none" && keep.length > 0) {
    throw new UsageError("it contradicts --persist none (leave one of them out)", "--keep");
  }
  if (persist === "none" && store !== undefined) {
    throw new UsageError("it contradicts --persist none (leave one of them out)", "--store");
  }
  if (supervise === true) return;
  const alone = restarts !== undefined
    ? "--restarts"
    : restartDelay !== undefined
    ? "--restart-delay"
    : null;
  if (alone !== null) throw new UsageError("it needs --supervise", alone);
}

async function run(this: XsContext, flags: ServeFlags): Promise<void> {
  checkTogether(flags);
  // What is to be taken over is in this very process: a child could not have it.
  const isNextDaemon = flags.liveUpdate === true || flags.liveUpdateCheck !== undefined;
  const supervised = isNextDaemon || Deno.env.has(SUPERVISED);
  if (flags.supervise === true && !supervised) return await supervise(this, flags);
  // Loaded here: the clients in the same program need neither the engine nor FFI.
  const { serve } = await import("../../lib/server/start/serve.ts");
  const { quota = [], ...others } = flags;
  const commandLine = {
    words: this.shell.args.map(fromByteText),
    runtime: runtimeArguments(),
  };
  const options = {
    ...others,
    quotas: quota,
    commandLine,
    version: version(),
    clock: this.shell.clock,
  };
  await serve(options, (text) => this.process.stdout.write(text)).catch(fail);
}

/** What the daemon's parts throw speaks to the operator; only the form is ours. */
function fail(error: unknown): never {
  if (error instanceof OptionError) throw new CommandError(error.text, error.option);
  const isDefect = error instanceof TypeError || error instanceof RangeError ||
    error instanceof ReferenceError;
  if (isDefect || !(error instanceof Error)) throw error;
  const text = systemMessage(error);
  throw new CommandError(text.charAt(0).toLowerCase() + text.slice(1));
}

/** As our parent, or that of a daemon that took this one's place, has said. */
const SUPERVISED = "XS_SUPERVISED";

async function supervise(context: XsContext, flags: ServeFlags): Promise<void> {
  const { runSupervised } = await import("../supervise.ts");
  const { restartDelay = RESTART_DELAY_MS, restarts = RESTARTS_MAX } = flags;
  await runSupervised(context, { ...flags, restartDelay, restarts }).catch(fail);
}

/** `xs serve`: the daemon. */
export const serveCommand: Command<XsContext> = buildCommand<ServeFlags, [], XsContext>({
  func: run,
  parameters: {
    flags: {
      socket: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "path",
        brief: "Where to listen [XENSTORED_PATH, else XENSTORED_RUNDIR/socket]",
      },
      logLevel: {
        kind: "enum",
        values: ["error", "warning", "info", "debug"],
        default: "info",
        brief: "Log messages of this level and more severe ones",
      },
      logFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "path",
        brief: "Log to this file, not to stderr; SIGHUP reopens it",
      },
      traceFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "path",
        brief: "Trace every message to this file; SIGHUP reopens it",
      },
      traceControl: {
        kind: "parsed",
        parse: String,
        optional: true,
        variadic: true,
        placeholder: "+switch",
        brief: "Set a trace switch, such as +acc; -io is given as --trace-control=-io",
      },
      xen: {
        kind: "enum",
        values: ["auto", "yes", "no"],
        default: "auto",
        brief: "Serve a Xen host's domains; auto: if this is its control domain",
      },
      privDomid: {
        kind: "parsed",
        parse: parseDomid,
        optional: true,
        placeholder: "domid",
        brief: "Domain with all rights [the host's control domain]",
      },
      masterDomid: {
        kind: "parsed",
        parse: parseDomid,
        optional: true,
        placeholder: "domid",
        brief: "Domain that this daemon runs in [as Xen says, else the one with all rights]",
      },
      eventPort: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "port",
        brief: "Event channel of that domain's own ring [as its kernel says]",
      },
      quota: {
        kind: "parsed",
        parse: parseQuota,
        optional: true,
        variadic: true,
        placeholder: "name=number",
        brief: "Set a quota of domains, such as nodes=2000; 0 for none",
      },
      eventTimeout: {
        kind: "parsed",
        parse: parseDurationOption,
        optional: true,
        placeholder: "duration",
        brief: "Drop events that a guest has not read for so long [20s]; 0 for never",
      },
      memory: {
        kind: "parsed",
        parse: parseMemory,
        optional: true,
        placeholder: "bytes",
        brief:
          "Memory that the store may take [an eighth of the host's, 64M to 1G]; 0 for no bound",
      },
      keepOrphans: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Keep the nodes of dead domains: a security risk",
      },
      persist: {
        kind: "enum",
        values: ["crash", "none", "disk"],
        default: "crash",
        brief: "What the store survives: the daemon's death, nothing, or also loss of power",
      },
      store: {
        kind: "parsed",
        parse: parsePlace,
        optional: true,
        placeholder: "path",
        brief: "The store file [beside the socket; for disk /var/lib/xs/store]",
      },
      onDamage: {
        kind: "enum",
        values: ["refuse", "fresh"],
        default: "refuse",
        brief: "A damaged store file: end, or move it aside and begin empty",
      },
      keep: {
        kind: "parsed",
        parse: parseGlob,
        optional: true,
        variadic: true,
        placeholder: "glob",
        brief: "Keep these nodes, with all below them, when the host boots, such as /tool/my*",
      },
      redact: {
        kind: "parsed",
        parse: parseGlob,
        optional: true,
        variadic: true,
        placeholder: "glob",
        brief: "Show the values of these nodes, and below them, in no trace or history",
      },
      syslog: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Log to syslog, not to stderr",
      },
      pidFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "path",
        brief: "Keep the pid in this file, locked, while the daemon runs",
      },
      supervise: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Start the daemon again when it dies; clients of the socket stay connected",
      },
      restarts: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "number",
        brief: "With --supervise: give up after that many deaths within a minute [10]; 0 for never",
      },
      restartDelay: {
        kind: "parsed",
        parse: parseRestartDelay,
        optional: true,
        placeholder: "duration",
        brief:
          "With --supervise: wait before the second restart in a row [50ms]; doubled each time",
      },
      liveUpdate: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Take over from the daemon that ran in this process (live update)",
      },
      liveUpdateCheck: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "Only try whether the state in this file could be taken over",
      },
    },
    aliases: { U: "liveUpdate" },
  },
  docs: {
    brief: "Run the Xenstore daemon",
    fullDescription: [
      "Serves Xenstore on a Unix socket until SIGTERM or SIGINT.",
      "A user without rights on /var/run/xenstored gets a socket of their own, and the path is printed.",
    ].join("\n"),
  },
});
