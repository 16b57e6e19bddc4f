import { buildCommand, type XsCommand } from "../command.ts";
import { choiceFlag, switchFlag, valueFlag } from "../flags.ts";
import { version } from "../version.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import type { QuotaSetting } from "../../lib/engine/quotas.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import type { ServeOptions } from "../../lib/server/start/serve_options.ts";
import {
  CLIENT_TIMEOUT_MS,
  EVENT_TIMEOUT_MS,
  RESTART_DELAY_MS,
  RESTARTS_MAX,
} from "../../lib/limits.ts";
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

/** Options with a default, so that they always have a value. */
type Defaulted = "logFormat" | "xen" | "persist" | "onDamage";

/** Options that the command line has in another form, or not at all. */
type NotTyped = "quotas" | "logFile" | "version" | "commandLine" | "clock";

/** The options of `xs serve` as typed on the command line. */
export interface ServeFlags
  extends Omit<ServeOptions, Defaulted | NotTyped>, Required<Pick<ServeOptions, Defaulted>> {
  readonly logFile?: string;
  readonly quota?: readonly QuotaSetting[];
  readonly at?: string;
  /** In ms. */
  readonly timeout?: number;
  readonly supervise?: boolean;
  readonly restarts?: number;
  /** In ms. */
  readonly restartDelay?: number;
}

/** @throws {UsageError} for options that contradict each other. */
function checkTogether(flags: ServeFlags): void {
  const { keep = [], persist, store, supervise, restartDelay, restarts, timeout } = flags;
  if (timeout !== undefined) throw new UsageError("it needs --at", "--timeout");
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
      socket: valueFlag(
        "PATH",
        "Listen on this socket (default XENSTORED_PATH, else XENSTORED_RUNDIR/socket, else /var/run/xenstored/socket)",
      ),
      socketGroup: valueFlag(
        "GROUP",
        "Let the users of this group connect, with all rights on the store",
        parsePlace,
      ),
      socketMode: valueFlag(
        "MODE",
        "Permissions of the socket (default 600; 660 with --socket-group)",
        parseMode,
      ),
      socketRo: valueFlag(
        "GROUP",
        "Let the users of this group look at the store, at a second socket, PATH_ro",
        parsePlace,
      ),
      logLevel: choiceFlag(
        ["error", "warning", "info", "debug"],
        "info",
        "Log messages of this level and above",
      ),
      logFile: valueFlag("PATH", "Log to this file; SIGHUP reopens it (default stderr)"),
      logFormat: choiceFlag(
        ["text", "json"],
        "text",
        "Write the log as text, or one JSON object a line",
      ),
      traceFile: valueFlag(
        "PATH",
        "Write every message to this file; SIGHUP reopens it (default none)",
      ),
      traceControl: {
        ...valueFlag(
          "SWITCH",
          "Set a trace switch, such as +acc; write --trace-control=-io for -io",
        ),
        variadic: true,
      },
      xen: choiceFlag(
        ["auto", "yes", "no"],
        "auto",
        "Serve the domains of this Xen host; auto means yes in its control domain",
      ),
      privDomid: valueFlag(
        "DOMID",
        "Give domain DOMID all rights (default the control domain)",
        parseDomid,
      ),
      masterDomid: valueFlag(
        "DOMID",
        "The daemon runs in domain DOMID (default as Xen reports, else that of --priv-domid)",
        parseDomid,
      ),
      eventPort: valueFlag(
        "PORT",
        "Event channel of the ring of the daemon's own domain (default as its kernel reports)",
        parseCount,
      ),
      quota: {
        ...valueFlag(
          "NAME=NUMBER",
          "Set a quota of all domains, such as nodes=2000; 0 means unlimited",
          parseQuota,
        ),
        variadic: true,
      },
      eventTimeout: valueFlag(
        "DURATION",
        `Drop the events of a guest that reads none for DURATION; 0 means never (default ${
          formatDuration(EVENT_TIMEOUT_MS)
        })`,
        parseDurationOption,
      ),
      memory: valueFlag(
        "BYTES",
        "Limit the memory of the store, such as 512M; 0 means unlimited (default an eighth of the host's memory, 64M to 1G)",
        parseMemory,
      ),
      keepOrphans: switchFlag("Keep the nodes of dead domains (a security risk)"),
      persist: choiceFlag(
        ["crash", "none", "disk"],
        "crash",
        "Keep the store when the daemon dies (crash), never (none), or also when the host loses power (disk)",
      ),
      store: valueFlag(
        "PATH",
        "Keep the store in this file (default beside the socket; with --persist disk /var/lib/xs/store)",
        parsePlace,
      ),
      at: valueFlag(
        "POINT",
        "Serve the store, or that of --store, as it was at POINT, for reading only; needs a --socket of its own",
      ),
      timeout: valueFlag(
        "DURATION",
        `With --at: give up when the daemon does not answer within DURATION (default ${
          formatDuration(CLIENT_TIMEOUT_MS)
        })`,
        parseDurationOption,
      ),
      onDamage: choiceFlag(
        ["refuse", "fresh"],
        "refuse",
        "When the store file is damaged: do not start, or move it aside and start empty",
      ),
      keep: {
        ...valueFlag(
          "GLOB",
          "Keep these nodes and all below them across a boot of the host, such as /tool/my*",
          parseGlob,
        ),
        variadic: true,
      },
      redact: {
        ...valueFlag(
          "GLOB",
          "Hide the values of these nodes and of all below them in traces and history",
          parseGlob,
        ),
        variadic: true,
      },
      history: valueFlag(
        "SIZE,AGE",
        "How much history to keep, and for how long; or off (default 64M, or a tenth of the file system if that is less, and 7d)",
        parseHistory,
      ),
      syslog: switchFlag("Log to syslog instead of stderr"),
      pidFile: valueFlag("PATH", "Write the pid to this file, locked while the daemon runs"),
      supervise: switchFlag(
        "Restart the daemon when it dies; clients of the socket stay connected",
      ),
      restarts: valueFlag(
        "NUMBER",
        `With --supervise: give up after NUMBER restarts within a minute; 0 means never (default ${RESTARTS_MAX})`,
        parseCount,
      ),
      restartDelay: valueFlag(
        "DURATION",
        `With --supervise: wait before the second restart in a row, doubled each time (default ${
          formatDuration(RESTART_DELAY_MS)
        })`,
        parseRestartDelay,
      ),
      liveUpdate: switchFlag(
        "Take over from the daemon that ran in this process (for live updates)",
      ),
      liveUpdateCheck: valueFlag("FILE", "Only check whether the state in FILE can be taken over"),
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
