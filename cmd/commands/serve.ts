import { buildCommand, type XsCommand } from "../command.ts";
import { version } from "../version.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import type { LogFormat, LogLevel } from "../../lib/server/logging/log_format.ts";
import type { QuotaSetting } from "../../lib/engine/quotas.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import type { HistoryChoice } from "../../lib/server/history/history_file.ts";
import { EVENT_TIMEOUT_MS, RESTART_DELAY_MS, RESTARTS_MAX } from "../../lib/limits.ts";
import {
  parseCount,
  parseDomid,
  parseDurationOption,
  parseHistory,
  parseQuota,
} from "../parameters.ts";
import { momentFlags } from "../archive/moment_flags.ts";
import { UsageError } from "../report.ts";
import type { XsContext } from "../context.ts";
import { runtimeArguments } from "../runtime_arguments.ts";
import {
  parseGlob,
  parseMemory,
  parseMode,
  parsePlace,
  parseRestartDelay,
} from "../serve_values.ts";
import { serverFailure } from "../server_failure.ts";

/** The options of `xs serve` as typed on the command line. */
export interface ServeFlags {
  readonly socket?: string;
  readonly socketGroup?: string;
  readonly socketMode?: number;
  readonly socketRo?: string;
  readonly logLevel: LogLevel;
  readonly logFile?: string;
  readonly logFormat: LogFormat;
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
  readonly at?: string;
  readonly onDamage: "refuse" | "fresh";
  readonly keep?: readonly string[];
  readonly redact?: readonly string[];
  readonly history?: HistoryChoice | "off";
  readonly syslog?: boolean;
  readonly pidFile?: string;
  readonly supervise?: boolean;
  readonly restarts?: number;
  /** In ms. */
  readonly restartDelay?: number;
  readonly liveUpdate?: boolean;
  readonly liveUpdateCheck?: string;
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
  if (flags.at !== undefined) {
    const { runServeAt } = await import("../archive/serve_at.ts");
    return await runServeAt(this, momentFlags({ ...flags, at: flags.at }));
  }
  checkTogether(flags);
  // What must be taken over is in this very process: a child could not have it.
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
  await serve(options, (text) => this.process.stdout.write(text)).catch(serverFailure);
}

/** As our parent, or that of a daemon that took this one's place, has said. */
const SUPERVISED = "XS_SUPERVISED";

async function supervise(context: XsContext, flags: ServeFlags): Promise<void> {
  const { runSupervised } = await import("../supervise.ts");
  const { restartDelay = RESTART_DELAY_MS, restarts = RESTARTS_MAX } = flags;
  await runSupervised(context, { ...flags, restartDelay, restarts }).catch(serverFailure);
}

/** `xs serve`: the daemon. */
export const serveCommand: XsCommand = buildCommand<ServeFlags, []>({
  func: run,
  parameters: {
    flags: {
      socket: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "PATH",
        brief:
          "Listen on this socket (default XENSTORED_PATH, else XENSTORED_RUNDIR/socket, else /var/run/xenstored/socket)",
      },
      socketGroup: {
        kind: "parsed",
        parse: parsePlace,
        optional: true,
        placeholder: "GROUP",
        brief: "Let the users of this group connect, with all rights on the store",
      },
      socketMode: {
        kind: "parsed",
        parse: parseMode,
        optional: true,
        placeholder: "MODE",
        brief: "Permissions of the socket (default 600; 660 with --socket-group)",
      },
      socketRo: {
        kind: "parsed",
        parse: parsePlace,
        optional: true,
        placeholder: "GROUP",
        brief: "Let the users of this group look at the store, at a second socket, PATH_ro",
      },
      logLevel: {
        kind: "enum",
        values: ["error", "warning", "info", "debug"],
        default: "info",
        brief: "Log messages of this level and above",
      },
      logFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "PATH",
        brief: "Log to this file; SIGHUP reopens it (default stderr)",
      },
      logFormat: {
        kind: "enum",
        values: ["text", "json"],
        default: "text",
        brief: "Write the log as text, or one JSON object a line",
      },
      traceFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "PATH",
        brief: "Write every message to this file; SIGHUP reopens it (default none)",
      },
      traceControl: {
        kind: "parsed",
        parse: String,
        optional: true,
        variadic: true,
        placeholder: "SWITCH",
        brief: "Set a trace switch, such as +acc; write --trace-control=-io for -io",
      },
      xen: {
        kind: "enum",
        values: ["auto", "yes", "no"],
        default: "auto",
        brief: "Serve the domains of this Xen host; auto means yes in its control domain",
      },
      privDomid: {
        kind: "parsed",
        parse: parseDomid,
        optional: true,
        placeholder: "DOMID",
        brief: "Give domain DOMID all rights (default the control domain)",
      },
      masterDomid: {
        kind: "parsed",
        parse: parseDomid,
        optional: true,
        placeholder: "DOMID",
        brief:
          "The daemon runs in domain DOMID (default as Xen reports, else that of --priv-domid)",
      },
      eventPort: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "PORT",
        brief:
          "Event channel of the ring of the daemon's own domain (default as its kernel reports)",
      },
      quota: {
        kind: "parsed",
        parse: parseQuota,
        optional: true,
        variadic: true,
        placeholder: "NAME=NUMBER",
        brief: "Set a quota of all domains, such as nodes=2000; 0 means unlimited",
      },
      eventTimeout: {
        kind: "parsed",
        parse: parseDurationOption,
        optional: true,
        placeholder: "DURATION",
        brief: `Drop the events of a guest that reads none for DURATION; 0 means never (default ${
          formatDuration(EVENT_TIMEOUT_MS)
        })`,
      },
      memory: {
        kind: "parsed",
        parse: parseMemory,
        optional: true,
        placeholder: "BYTES",
        brief:
          "Limit the memory of the store, such as 512M; 0 means unlimited (default an eighth of the host's memory, 64M to 1G)",
      },
      keepOrphans: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Keep the nodes of dead domains (a security risk)",
      },
      persist: {
        kind: "enum",
        values: ["crash", "none", "disk"],
        default: "crash",
        brief:
          "Keep the store when the daemon dies (crash), never (none), or also when the host loses power (disk)",
      },
      store: {
        kind: "parsed",
        parse: parsePlace,
        optional: true,
        placeholder: "PATH",
        brief:
          "Keep the store in this file (default beside the socket; with --persist disk /var/lib/xs/store)",
      },
      at: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "POINT",
        brief:
          "Serve the store, or that of --store, as it was at POINT, for reading only; needs a --socket of its own",
      },
      onDamage: {
        kind: "enum",
        values: ["refuse", "fresh"],
        default: "refuse",
        brief: "When the store file is damaged: do not start, or move it aside and start empty",
      },
      keep: {
        kind: "parsed",
        parse: parseGlob,
        optional: true,
        variadic: true,
        placeholder: "GLOB",
        brief: "Keep these nodes and all below them across a boot of the host, such as /tool/my*",
      },
      redact: {
        kind: "parsed",
        parse: parseGlob,
        optional: true,
        variadic: true,
        placeholder: "GLOB",
        brief: "Hide the values of these nodes and of all below them in traces and history",
      },
      history: {
        kind: "parsed",
        parse: parseHistory,
        optional: true,
        placeholder: "SIZE,AGE",
        brief:
          "How much history to keep, and for how long; or off (default 64M, or a tenth of the file system if that is less, and 7d)",
      },
      syslog: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Log to syslog instead of stderr",
      },
      pidFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "PATH",
        brief: "Write the pid to this file, locked while the daemon runs",
      },
      supervise: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Restart the daemon when it dies; clients of the socket stay connected",
      },
      restarts: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "NUMBER",
        brief:
          `With --supervise: give up after NUMBER restarts within a minute; 0 means never (default ${RESTARTS_MAX})`,
      },
      restartDelay: {
        kind: "parsed",
        parse: parseRestartDelay,
        optional: true,
        placeholder: "DURATION",
        brief:
          `With --supervise: wait before the second restart in a row, doubled each time (default ${
            formatDuration(RESTART_DELAY_MS)
          })`,
      },
      liveUpdate: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Take over from the daemon that ran in this process (for live updates)",
      },
      liveUpdateCheck: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "FILE",
        brief: "Only check whether the state in FILE can be taken over",
      },
    },
    aliases: { U: "liveUpdate" },
  },
  docs: {
    name: "serve",
    group: "daemon",
    brief: "run the daemon",
    description: [
      "Serves Xenstore on a Unix socket until SIGTERM or SIGINT.",
      "A user without rights on /var/run/xenstored gets a socket of their own, and the daemon prints its path.",
    ],
    examples: [
      ["xs serve", "serve this host, or a socket of your own"],
      ["xs serve --socket /tmp/s --persist none", "serve a test store that is gone at the end"],
      ["xs serve --supervise --persist disk", "survive crashes and loss of power"],
      [
        "xs serve --at 14:03 --socket /tmp/past",
        "let any client look at the store as it was at 14:03",
      ],
    ],
  },
});
