/** Starts a daemon by its options: on its store, or in place of the previous daemon in this process. */
import type { Clock } from "../../clock.ts";
import { DamagedError } from "../../codec/journal/byte_reader.ts";
import { JournalError } from "../../journal/database.ts";
import type { Journal } from "../../journal/journal.ts";
import { Daemon, type DaemonParts, type Identity } from "./daemon.ts";
import { openHeldParts } from "../supervision/held_parts.ts";
import { supervision } from "../supervision/holder_client.ts";
import type { Log } from "../logging/log.ts";
import { openJournalAnyway } from "../live_update/open_journal_anyway.ts";
import { stateFileOf, stateFileOfC } from "../live_update/state_file.ts";
import { findInheritance } from "../live_update/take_over.ts";
import type { Succession } from "../live_update/update_actions.ts";
import { DAEMON_POLICY } from "../loop.ts";
import { defaultMemory, memoryShare } from "../process/host_memory.ts";
import { OutOfMemoryDeaths } from "../process/out_of_memory_deaths.ts";
import { notifyRefused } from "../process/notify.ts";
import { handleDamage } from "../persistence/damaged_store.ts";
import { openJournal, type PersistenceChoice, storePath } from "../persistence/persistence.ts";
import { allowAccess } from "../process/socket_access.ts";
import { createListeningSocket } from "../process/create_listening_socket.ts";
import type { ListeningSocket } from "../process/listening_socket.ts";
import { waitForDevices } from "../xen/wait_for_devices.ts";
import type { SocketChoice } from "../process/choose_socket_path.ts";
import { type RecordedJournal, recordJournal } from "../history/record_journal.ts";
import type { Trace } from "../logging/trace.ts";
import { configuredSettings } from "./configured_settings.ts";
import { type DomainWorld, findDomainWorld } from "../xen/world.ts";
import type { ServeOptions } from "./serve_options.ts";

/** What a start needs. */
export interface Start {
  readonly options: ServeOptions;
  readonly socket: SocketChoice;
  readonly succession: { readonly succession?: Succession };
  readonly trace: Trace;
  readonly log: Log;
}

/** The parts of a daemon that depend only on its options. */
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

/** Starts the daemon with the state of the previous one in this process (a live update). */
export async function startInPlace(these: Start): Promise<Daemon> {
  const { log, options, socket, succession } = these;
  // A C xenstored in the background has no umask: without one, all users could write our files.
  Deno.umask(USUAL_UMASK);
  const { clock } = options;
  const choice = persistenceOf(options);
  const inheritance = findInheritance([stateFileOf(socket.path), stateFileOfC()]);
  const { eventChannelFd = -1, socketFd = -1 } = inheritance.records.descriptors ?? {};
  const keepsState = choice.persist !== "none";
  const { held, listening } = await openHeldParts(socket, keepsState, log, clock, socketFd);
  const doors = await openDoors(these, listening);
  const { mark } = markOf(choice, socket.path, clock);
  // The previous daemon did not die: a live update is an orderly end.
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

/** Starts the daemon on its store; on an empty one if the store is damaged and options allow that. */
export async function start(these: Start): Promise<Daemon> {
  const { log, options, socket, succession } = these;
  const { clock } = options;
  const choice = persistenceOf(options);
  // First of all, since a daemon that answers here may still use the store.
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
      // Before the domains: a start on a damaged store is repeated, and a Xen host can be opened only once.
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
    // At an inherited socket, clients of a dead daemon wait for the next attempt.
    if (!inherited) listening.close();
    doors.readers?.close();
    throw error;
  }
}

/** The read-only socket, if there is one. */
interface Doors {
  readonly readers?: ListeningSocket;
}

/** Gives the sockets their groups and modes. */
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

/** The journal, with the recorder of the history. */
function recorded(journal: Journal, { log, options, socket }: Start): RecordedJournal {
  return recordJournal(journal, storePath(persistenceOf(options), socket.path), options, log);
}

function eventTimeout({ eventTimeout }: ServeOptions): { readonly eventTimeoutMs?: number } {
  return eventTimeout === undefined ? {} : { eventTimeoutMs: eventTimeout };
}

export function identityOf(options: ServeOptions, socket: string): Identity {
  const { version = "unknown" } = options;
  const choice = persistenceOf(options);
  const { persist } = choice;
  const path = persist === "none" ? null : storePath(choice, socket);
  return { version, keeping: { persist, path } };
}

function memoryOf({ memory }: ServeOptions): number {
  return memory === undefined ? defaultMemory() : memory === 0 ? Infinity : memory;
}

/** Tells the next daemon whether this one died for lack of memory; nothing for a daemon that keeps no store. */
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

function openDomains(options: ServeOptions, log: Log, eventsFd = -1): DomainWorld {
  const { privDomid, masterDomid, eventPort } = options;
  const choice = {
    ...(eventPort === undefined ? {} : { eventPort }),
    ...(privDomid === undefined ? {} : { privDomid }),
    ...(masterDomid === undefined ? {} : { storeDomid: masterDomid }),
  };
  return findDomainWorld(options.xen ?? "auto", choice, log, options.clock, eventsFd);
}
