import { monotonicClock } from "../../../ffi/monotonic_clock.ts";
import type { Clock } from "../../clock.ts";
import type { QuotaSetting } from "../../engine/quotas.ts";
import { forOption } from "../../wire/system_error.ts";
import { DamagedError } from "../../codec/journal/byte_reader.ts";
import { JournalError } from "../../journal/database.ts";
import type { Journal } from "../../journal/journal.ts";
import { Daemon, type DaemonParts, type Identity } from "./daemon.ts";
import { openHeldParts } from "../supervision/held_parts.ts";
import { supervision } from "../supervision/holder_client.ts";
import { type Log, type LogOptions, message, openLog, stackOf } from "../logging/log.ts";
import { answerTrial } from "../live_update/answer_trial.ts";
import { returnCodeCache, warmCodeCache } from "../live_update/code_cache.ts";
import type { OwnCommandLine } from "../live_update/command_line.ts";
import { openJournalAnyway } from "../live_update/open_journal_anyway.ts";
import { stateFileOf, stateFileOfC } from "../live_update/state_file.ts";
import { findInheritance } from "../live_update/take_over.ts";
import type { Succession } from "../live_update/update_actions.ts";
import { DAEMON_POLICY } from "../loop.ts";
import { defaultMemory, memoryShare } from "../process/host_memory.ts";
import { OutOfMemoryDeaths } from "../process/out_of_memory_deaths.ts";
import { heartbeatOf } from "../process/heartbeat.ts";
import {
  notifyReady,
  notifyRefused,
  notifyReloading,
  notifyStopping,
  notifyWatched,
} from "../process/notify.ts";
import { greeting } from "./greeting.ts";
import { handleDamage } from "../persistence/damaged_store.ts";
import {
  type OnDamage,
  openJournal,
  type Persistence,
  type PersistenceChoice,
  storePath,
} from "../persistence/persistence.ts";
import { deleteLeftovers } from "../process/leftovers.ts";
import { allowAccess } from "../process/socket_access.ts";
import { createListeningSocket } from "../process/create_listening_socket.ts";
import type { ListeningSocket } from "../process/listening_socket.ts";
import { waitForDevices } from "../xen/wait_for_devices.ts";
import { PidFile } from "../process/pid_file.ts";
import {
  chooseSocketPath,
  type SocketChoice,
  surroundings,
} from "../process/choose_socket_path.ts";
import { syslog } from "../logging/syslog.ts";
import type { HistoryChoice } from "../history/history_file.ts";
import { type RecordedJournal, recordJournal } from "../history/record_journal.ts";
import type { Trace } from "../logging/trace.ts";
import { StoreFileGuard } from "../persistence/store_file_guard.ts";
import { configuredSettings } from "./configured_settings.ts";
import { Signals } from "./signals.ts";
import { openTrace, type TraceOptions } from "../logging/trace_options.ts";
import { type DomainWorld, findDomainWorld, type XenChoice } from "../xen/world.ts";

/** What `xs serve` can be told. */
export interface ServeOptions extends TraceOptions, LogOptions {
  /** Where to listen; by default where Xen's tools look. */
  readonly socket?: string;
  /** Who may connect besides root: a group, with these permissions of the socket's file. */
  readonly socketGroup?: string;
  readonly socketMode?: number;
  /** The group whose users may look at the store, at a socket of their own. */
  readonly socketRo?: string;
  /** Whether to serve a Xen host's domains; `auto` by default. */
  readonly xen?: XenChoice;
  /** The domain with all rights; the one with control of the host by default. */
  readonly privDomid?: number;
  /** The domain that this daemon runs in; the one that Xen holds for it by default. */
  readonly masterDomid?: number;
  /** The event channel of that domain's own ring; what its kernel says by default. */
  readonly eventPort?: number;
  /** Nodes of a dead domain fall to the privileged one instead of going. */
  readonly keepOrphans?: boolean;
  /** Quotas of new domains, where they are not the usual ones. */
  readonly quotas?: readonly QuotaSetting[];
  /** How long an event may wait to be read by its guest, in ms; 0 for ever. */
  readonly eventTimeout?: number;
  /** How much all that clients have us keep may take, in bytes of the memory model; 0 for no bound. */
  readonly memory?: number;
  /** What the store is to survive, and where it is kept; `crash` beside the socket by default. */
  readonly persist?: Persistence;
  readonly store?: string;
  readonly onDamage?: OnDamage;
  /** Paths, with `*` and `?`, of nodes that outlive a boot of the host. */
  readonly keep?: readonly string[];
  /** How much of what was done is kept; as much as is usual by default. */
  readonly history?: HistoryChoice | "off";
  /** What the program says of its version; "unknown" by default. */
  readonly version?: string;
  /** Log to syslog instead. */
  readonly syslog?: boolean;
  /** A file to hold our pid while we run, locked. */
  readonly pidFile?: string;
  /** Go on in the place of the daemon that was here before, in this process. */
  readonly liveUpdate?: boolean;
  /** Only try whether the state in this file could be taken over. */
  readonly liveUpdateCheck?: string;
  /** How we were called: what a next daemon is told, too; without it none can take our place. */
  readonly commandLine?: OwnCommandLine;
  readonly clock: Clock;
}

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
    deleteLeftovers(daemon.socketPath, stateFileOf(socket.path), log);
    const identity = identityOf(options, socket.path), { keeping } = identity;
    log("info", startLine(daemon, identity));
    notifyReady(log);
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

/** What a start goes by. */
interface Start {
  readonly options: ServeOptions;
  readonly socket: SocketChoice;
  readonly succession: { readonly succession?: Succession };
  readonly trace: Trace;
  readonly log: Log;
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

/** What a daemon has of its options, however it starts. */
function partsOf(
  { log, options, socket, trace }: Start,
): Omit<DaemonParts, "listening" | "journal" | "domains" | "history"> {
  return {
    keepOrphans: options.keepOrphans ?? false,
    quotas: options.quotas ?? [],
    ...eventTimeout(options),
    memory: memoryOf(options),
    identity: identityOf(options, socket.path),
    policy: DAEMON_POLICY,
    trace,
    configured: configuredSettings(options),
    log,
    clock: options.clock,
  };
}

const USUAL_UMASK = 0o022;

/** Starts the daemon with what the one before it, in this very process, has left. */
async function startInPlace(these: Start): Promise<Daemon> {
  const { log, options, socket, succession } = these;
  // C xenstored has none in the background: files that we make are not for everybody to write.
  Deno.umask(USUAL_UMASK);
  const { clock } = options;
  const choice = persistenceOf(options);
  const inheritance = findInheritance([stateFileOf(socket.path), stateFileOfC()]);
  const { eventChannelFd = -1, socketFd = -1 } = inheritance.records.descriptors ?? {};
  const keepsState = choice.persist !== "none";
  const { held, listening } = await openHeldParts(socket, keepsState, log, clock, socketFd);
  const doors = await openDoors(these, listening);
  const { mark } = markOf(choice, socket.path, clock);
  // The daemon before this one has not died.
  mark?.end();
  return Daemon.start({
    listening,
    ...doors,
    held,
    ...recorded(openJournalAnyway(choice, socket.path, log, clock), these),
    ...(mark === undefined ? {} : { mark }),
    ...openDomains(options, log, eventChannelFd),
    ...partsOf(these),
    inheritance,
    ...succession,
  });
}

/** Starts the daemon on its store; on an empty one if that is damaged and may be moved aside. */
async function start(these: Start): Promise<Daemon> {
  const { log, options, socket, succession } = these;
  const { clock } = options;
  const choice = persistenceOf(options);
  // Before the store is touched: it may be that of a daemon that answers here.
  const keepsState = choice.persist !== "none";
  if (options.xen === "yes") await waitForDevices(clock, log);
  const { held, inherited, listening } = await openHeldParts(socket, keepsState, log, clock);
  let doors: Doors = {};
  let mark: ReturnType<typeof markOf> | undefined;
  const attempt = (): Daemon =>
    Daemon.start({
      listening,
      ...doors,
      held,
      ...(mark ??= markOf(choice, socket.path, clock)),
      // Before the domains: a damaged store is tried again, a Xen host can be opened only once.
      ...recorded(openJournal(choice, socket.path, log, clock), these),
      ...openDomains(options, log),
      ...partsOf(these),
      ...succession,
    });
  try {
    doors = await openDoors(these, listening);
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      handleDamage(choice, socket.path, error, log, clock);
      return attempt();
    }
  } catch (error) {
    const isFinal = error instanceof JournalError && !error.mayPass;
    if (isFinal && supervision(Deno.env) !== null) notifyRefused(log);
    // Clients of a daemon that died wait there for the next attempt.
    if (!inherited) listening.close();
    doors.readers?.close();
    throw error;
  }
}

/** The socket for those who may only look, where there is one. */
interface Doors {
  readonly readers?: ListeningSocket;
}

/** Lets in whom the options name. */
async function openDoors({ options, socket }: Start, listening: ListeningSocket): Promise<Doors> {
  const { clock, socketGroup: group, socketMode: mode, socketRo } = options;
  const access = {
    ...(group === undefined ? {} : { group }),
    ...(mode === undefined ? {} : { mode }),
  };
  allowAccess(listening.path, access, "--socket-group");
  if (socketRo === undefined) return {};
  const readers = await createListeningSocket({ ...socket, path: `${socket.path}_ro` }, clock);
  try {
    allowAccess(readers.path, { group: socketRo }, "--socket-ro");
  } catch (error) {
    readers.close();
    throw error;
  }
  return { readers };
}

/** A journal with what records its store's history. */
function recorded(journal: Journal, { log, options, socket }: Start): RecordedJournal {
  return recordJournal(journal, storePath(persistenceOf(options), socket.path), options, log);
}

function eventTimeout({ eventTimeout }: ServeOptions): { readonly eventTimeoutMs?: number } {
  return eventTimeout === undefined ? {} : { eventTimeoutMs: eventTimeout };
}

function identityOf(options: ServeOptions, socket: string): Identity {
  const { version = "unknown" } = options;
  const choice = persistenceOf(options);
  const { persist } = choice;
  const path = persist === "none" ? null : storePath(choice, socket);
  return { version, keeping: { persist, path } };
}

function memoryOf({ memory }: ServeOptions): number {
  return memory === undefined ? defaultMemory() : memory === 0 ? Infinity : memory;
}

/** What tells the next daemon whether this one died for lack of memory; nothing where it keeps nothing. */
function markOf(
  choice: PersistenceChoice,
  socket: string,
  clock: Clock,
): { readonly mark?: OutOfMemoryDeaths } {
  if (choice.persist === "none") return {};
  const path = `${storePath(choice, socket)}.memory`;
  return { mark: new OutOfMemoryDeaths(path, memoryShare, clock.now()) };
}

function persistenceOf(options: ServeOptions): PersistenceChoice {
  const { keep: globs = [], onDamage = "refuse", persist = "crash", privDomid = 0, store } =
    options;
  const keep = { globs, domid: privDomid };
  return { persist, onDamage, keep, ...(store === undefined ? {} : { store }) };
}

async function untilEnd(daemon: Daemon, log: Log): Promise<void> {
  try {
    await daemon.finished;
  } catch (error) {
    log("error", `daemon: ended by an internal error: ${stackOf(error)}`);
    throw error;
  }
}

function openDomains(options: ServeOptions, log: Log, eventsFd = -1): DomainWorld {
  const { privDomid, masterDomid, eventPort } = options;
  const choice = {
    ...(eventPort === undefined ? {} : { eventPort }),
    ...(privDomid === undefined ? {} : { privDomid }),
    ...(masterDomid === undefined ? {} : { storeDomid: masterDomid }),
  };
  return findDomainWorld(options.xen ?? "auto", choice, log, options.clock, eventsFd);
}

function reopenTrace(trace: Trace, log: Log): void {
  if (!trace.open) return;
  try {
    trace.reopen();
  } catch (error) {
    log("error", `cannot reopen the trace, keeping the old one: ${message(error)}`);
  }
}
