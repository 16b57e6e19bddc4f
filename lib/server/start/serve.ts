import { monotonicClock } from "../../../ffi/monotonic_clock.ts";
import { forOption } from "../../wire/system_error.ts";
import type { Daemon, Identity } from "./daemon.ts";
import { supervision } from "../supervision/holder_client.ts";
import { type Log, message, openLog, stackOf } from "../logging/log.ts";
import { answerTrial } from "../live_update/answer_trial.ts";
import { returnCodeCache, warmCodeCache } from "../live_update/code_cache.ts";
import { stateFileOf } from "../live_update/state_file.ts";
import { keepLargeBuffersApart } from "../process/allocator.ts";
import { heartbeatOf } from "../process/heartbeat.ts";
import { notifyReady, notifyReloading, notifyStopping, notifyWatched } from "../process/notify.ts";
import { greeting } from "./greeting.ts";
import { deleteLeftovers } from "../process/leftovers.ts";
import { PidFile } from "../process/pid_file.ts";
import { chooseSocketPath, surroundings } from "../process/choose_socket_path.ts";
import { loadTextReader } from "../process/text_reader.ts";
import { syslog } from "../logging/syslog.ts";
import type { Trace } from "../logging/trace.ts";
import { StoreFileGuard } from "../persistence/store_file_guard.ts";
import { Signals } from "./signals.ts";
import { openTrace } from "../logging/trace_options.ts";
import { identityOf, type Start, start, startInPlace } from "./begin.ts";
import type { ServeOptions } from "./serve_options.ts";

/**
 * Runs the daemon until SIGTERM or SIGINT. `print` takes what the operator should read at the
 * start.
 *
 * @throws {Error} when it cannot start: the socket is taken, a file cannot be opened, or something
 *   of Xen is missing.
 */
export async function serve(given: ServeOptions, print: (text: string) => void): Promise<void> {
  const options = { ...given, clock: monotonicClock(given.clock) };
  if (options.liveUpdateCheck !== undefined) {
    const { path } = chooseSocketPath(options.socket, surroundings);
    const answer = answerTrial(options.liveUpdateCheck, path);
    await warmCodeCache();
    return print(`${answer}\n`);
  }
  keepLargeBuffersApart();
  const fileLog = openLog(options, options.clock);
  const log = options.syslog === true ? syslog(options, options.clock) : fileLog.log;
  const trace = openTrace(options, log, options.clock);
  const socket = chooseSocketPath(options.socket, surroundings);
  // Before there is a socket: a client that finds it may signal us at once.
  const signals = new Signals(() => {
    notifyReloading(log);
    fileLog.reopen();
    reopenTrace(trace, log);
    log("info", "daemon: SIGHUP: the files of the log and the trace are opened again");
    notifyReady(log);
  });
  // The supervisor has the pid file then: who signals it means both.
  const supervised = supervision(Deno.env);
  let pidFile: PidFile | null = null;
  try {
    // First of all: two daemons of one host must not both reach for its rings.
    if (options.pidFile !== undefined && supervised === null) {
      pidFile = openPidFile(options, options.pidFile, log);
    }
    const succession = successionOf(options, () => pidFile === null ? [] : [pidFile.fd]);
    const surrounded = { options, socket, succession, trace, log };
    const daemon = await (options.liveUpdate ? startInPlace : start)(surrounded);
    let why = "stopped";
    signals.onStop = (signal) => {
      why = `stopped by ${signal}`;
      notifyStopping(log);
      void daemon.stop().catch(() => {});
    };
    const identity = identityOf(options, socket.path), { keeping } = identity;
    const places = { socket: daemon.socketPath, stateFile: stateFileOf(socket.path) };
    deleteLeftovers({ ...places, store: keeping.path }, log, options.clock);
    log("info", startLine(daemon, identity));
    notifyReady(log);
    void loadTextReader();
    if (options.liveUpdate) notifyWatched(true);
    daemon.heartbeat = heartbeatOf(Deno.env, Deno.pid, () => daemon.summary);
    // Of a daemon that is started again the operator knows.
    if (options.liveUpdate) returnCodeCache();
    else if (supervised === null || supervised.life === 1) {
      print(greeting(daemon.socketPath, socket.isFallback, keeping, options.keep ?? []));
    }
    const { path } = keeping;
    const watch = path === null ? null : new StoreFileGuard(path, log, options.clock);
    watch?.start();
    await untilEnd(daemon, log).finally(() => watch?.close());
    log("info", `daemon: ${why}`);
  } finally {
    pidFile?.remove();
    signals.close();
    fileLog.close();
  }
}

/** What the log says of a daemon that serves from now on. */
function startLine({ beginning, socketPath }: Daemon, { keeping, version }: Identity): string {
  const store = keeping.path === null ? "in memory" : keeping.path;
  const facts = [
    `xs ${version}`,
    `pid ${Deno.pid}`,
    `socket ${socketPath}`,
    `persist ${keeping.persist}`,
    `store ${store}`,
    beginning.text,
  ];
  return `daemon: serves: ${facts.join(", ")}`;
}

/** The next daemon in the same process must not end for lack of a file that only names it. */
function openPidFile(options: ServeOptions, path: string, log: Log): PidFile | null {
  if (options.liveUpdate !== true) return forOption("--pid-file", path, () => PidFile.write(path));
  try {
    return PidFile.inherit(path);
  } catch (error) {
    log("error", message(error));
    return null;
  }
}

function successionOf(
  { clock: _clock, commandLine, version: _version, ...shared }: ServeOptions,
  inherited: () => readonly number[],
): Start["succession"] {
  return commandLine === undefined ? {} : { succession: { own: commandLine, shared, inherited } };
}

async function untilEnd(daemon: Daemon, log: Log): Promise<void> {
  try {
    await daemon.finished;
  } catch (error) {
    log("error", `daemon: ended by an internal error: ${stackOf(error)}`);
    throw error;
  }
}

function reopenTrace(trace: Trace, log: Log): void {
  if (!trace.open) return;
  try {
    trace.reopen();
  } catch (error) {
    log("error", `cannot reopen the trace, keeping the old one: ${message(error)}`);
  }
}
