/** What `xs serve --at` does: loaded when it is called. */
import type { Archive } from "../../lib/archive/archive.ts";
import { fromByteText, toByteText } from "../../lib/client/operations.ts";
import { openLog } from "../../lib/server/logging/log.ts";
import type { LogFormat, LogLevel } from "../../lib/server/logging/log_format.ts";
import { MomentServer } from "../../lib/server/start/moment_server.ts";
import { Signals } from "../../lib/server/start/signals.ts";
import type { Node, Special, StateRecord } from "../../lib/state/records.ts";
import type { XsContext } from "../context.ts";
import { serverFailure } from "../server_failure.ts";
import { flush, type Shell } from "../shell.ts";
import { version } from "../version.ts";
import { withSources } from "./sources.ts";

/** The options of `xs serve --at`. */
export interface ServeAtFlags {
  readonly at: string;
  /** The running daemon's unless given. */
  readonly store?: string;
  readonly socket: string;
  /** How long the daemon may take to answer, in ms. */
  readonly timeout?: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly logFile?: string;
}

/** Serves a moment of the past until SIGTERM or SIGINT. */
export async function runServeAt({ shell }: XsContext, flags: ServeAtFlags): Promise<void> {
  const { clock } = shell;
  const { hidden = new Set<string>(), records } = await readMoment(shell, flags);
  const logFile = flags.logFile === undefined ? null : fromByteText(flags.logFile);
  const log = openLog({ ...flags, logFile }, clock);
  // Before there is a socket: a client that finds it may signal us at once.
  const signals = new Signals(() => log.reopen());
  try {
    const server = await MomentServer.start({
      socket: fromByteText(flags.socket),
      nodes: records.filter(isNode),
      hidden,
      version: version(),
      log: log.log,
      clock,
    }).catch(serverFailure);
    signals.onStop = () => void server.stop().catch(() => {});
    shell.stdout.write(greeting(flags));
    flush(shell.stdout);
    await server.finished;
  } finally {
    signals.close();
    log.close();
  }
}

async function readMoment(
  shell: Shell,
  { at, store = "live", timeout = shell.timeout }: ServeAtFlags,
): Promise<Archive> {
  const read: Archive[] = [];
  await withSources(shell, { timeout }, async (sources) => {
    const archive = await sources.read(sources.parse(store, at), null);
    sources.note(archive.notes);
    flush(shell.stderr);
    read.push(archive);
    return 0;
  });
  return read[0]!;
}

function isNode(record: StateRecord): record is Node | Special {
  return record.kind === "node" || record.kind === "special";
}

/** What is served, and what to type next. */
function greeting({ at, socket, store }: ServeAtFlags): string {
  const of = store === undefined ? "the daemon" : store;
  // It must be pasted into other terminals.
  const place = socket.startsWith("/") ? socket : `${toByteText(Deno.cwd())}/${socket}`;
  return [
    `xs serves the store of ${of} as it was at ${at}, for reading only`,
    "Next, in another terminal:",
    `  xs --socket ${place} ls`,
    `  export XENSTORED_PATH=${place}   # for xs, xenstore-ls and all other clients`,
  ].map((line) => `${line}\n`).join("");
}
