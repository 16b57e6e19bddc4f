import { buildCommand, type Command, ExitCode } from "@stricli/core";
import { version } from "./version.ts";
import { fromByteText } from "../lib/client/operations.ts";
import type { LogLevel } from "../lib/server/logging/log.ts";
import { quotaName, QUOTAS, type QuotaSetting } from "../lib/engine/quota.ts";
import { parseCount, parseDomid } from "./parameters.ts";
import { UsageError } from "./report.ts";
import type { XsContext } from "./context.ts";
import { runtimeArguments } from "./runtime_arguments.ts";

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
  readonly eventTimeout?: number;
  readonly keepOrphans?: boolean;
  readonly persist: "crash" | "none" | "disk";
  readonly store?: string;
  readonly onDamage: "refuse" | "fresh";
  readonly syslog?: boolean;
  readonly pidFile?: string;
  readonly supervise?: boolean;
  readonly restarts: number;
  readonly restartDelay: number;
  readonly liveUpdate?: boolean;
  readonly liveUpdateCheck?: string;
}

/** A quota's setting, such as `nodes=2000`. */
function parseQuota(input: string): QuotaSetting {
  const [what, text] = input.split("=");
  const name = quotaName(what ?? "");
  if (name === null) {
    const names = QUOTAS.map((quota) => quota.name).join(", ");
    throw new UsageError(`'${input}' sets no quota: NAME=NUMBER, with NAME one of ${names}`);
  }
  return { name, value: parseCount(text ?? "") };
}

function parsePlace(input: string): string {
  if (input === "") throw new UsageError("it is empty: the path of a file is needed");
  return input;
}

/** Why these options can't be meant together; null when they can. */
function contradiction({ persist, store }: ServeFlags): string | null {
  if (persist !== "none" || store === undefined) return null;
  return "--store names a file, and --persist none keeps the store in none: leave one of them out";
}

async function run(this: XsContext, flags: ServeFlags): Promise<void | Error> {
  const complaint = contradiction(flags);
  if (complaint !== null) {
    this.process.stderr.write(`${complaint}\n`);
    this.process.exitCode = ExitCode.InvalidArgument;
    return;
  }
  // What is to be taken over is in this very process: a child could not have it.
  const isHeir = flags.liveUpdate === true || flags.liveUpdateCheck !== undefined;
  const supervised = isHeir || Deno.env.has(SUPERVISED);
  if (flags.supervise === true && !supervised) return await supervise(this, flags);
  // Loaded here: the clients in the same program need neither the engine nor FFI.
  const { serve } = await import("../lib/server/serve.ts");
  try {
    const { quota = [], ...others } = flags;
    const commandLine = {
      words: this.shell.args.map(fromByteText),
      runtime: runtimeArguments(),
    };
    await serve(
      { ...others, quotas: quota, commandLine, version: version() },
      (text) => this.process.stdout.write(text),
    );
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** As our parent, or that of a daemon that took this one's place, has said. */
const SUPERVISED = "XS_SUPERVISED";

async function supervise(context: XsContext, flags: ServeFlags): Promise<void | Error> {
  const { runSupervised } = await import("./supervise.ts");
  try {
    await runSupervised(context, flags);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
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
        brief: "Least grave messages to log",
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
        parse: parseCount,
        optional: true,
        placeholder: "seconds",
        brief: "Drop events that a guest has not read for so long [20]; 0 for never",
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
        brief: "Keep our pid in this file, locked, while we run",
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
        default: "10",
        placeholder: "number",
        brief: "With --supervise: give up after that many deaths within a minute; 0 for never",
      },
      restartDelay: {
        kind: "parsed",
        parse: parseCount,
        default: "50",
        placeholder: "ms",
        brief: "With --supervise: wait before the second restart in a row; doubled each time",
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
      "A user without rights on /var/run/xenstored gets a socket of their own; where is printed.",
    ].join("\n"),
  },
});
