import type { Clock } from "../../clock.ts";
import { check } from "../../engine/recount.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Beginning } from "../../engine/process_status.ts";
import type { State } from "../../engine/state.ts";
import type { Journal } from "../../journal/journal.ts";
import { adoptTree } from "../../persist/adopt_tree.ts";
import { build } from "../../persist/build_state.ts";
import { type CheckedRecords, collectAll } from "../../state/checked_records.ts";
import type { Connection as ConnectionRecord } from "../../state/records.ts";
import type { Domain } from "../../engine/domains.ts";
import { decodeStream } from "../../codec/stream.ts";
import { permDomid } from "../../store/perms.ts";
import { OK } from "../../wire/errors.ts";
import { homePath } from "../../wire/home_path.ts";
import { toText } from "../../wire/text.ts";
import type { HostedDomains } from "../domains/hosted_domains.ts";
import { type Log, message } from "../logging/log.ts";
import { takenOverBeginning } from "../process/beginning.ts";
import type { InFlight } from "../peer/peer_host.ts";
import type { Sockets } from "../peer/sockets.ts";
import { readStateFile, removeStateFile, StateFileError } from "./state_file.ts";
import { counted } from "../../wire/counted.ts";

/** What the daemon that was here before has left to us. */
export interface Inheritance {
  /** Where it was found. */
  readonly file: string;
  readonly records: CheckedRecords;
}

/**
 * Reads what the last daemon has left, at the first of these places where there is something.
 *
 * @throws {Error} when there is nothing, or nothing that can be read.
 */
export function findInheritance(places: readonly string[]): Inheritance {
  let first: StateFileError | null = null;
  for (const file of places) {
    try {
      return { file, records: collectAll(decodeStream(readStateFile(file)).records) };
    } catch (error) {
      if (!(error instanceof StateFileError)) throw error;
      first ??= error;
    }
  }
  throw first!;
}

/** Who takes over, and with what. */
export interface NextDaemon {
  readonly engine: Engine;
  readonly domains: HostedDomains;
  readonly journal: Journal;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Goes on in the place of another daemon, in the same process. Until the state is in the store file
 * nothing is answered and what was inherited stays where it is: a daemon that is killed meanwhile leaves
 * the last daemon's store behind, and afterwards this one's.
 */
export function takeOver(next: NextDaemon, { file, records }: Inheritance): Beginning {
  const { clock, domains, engine, log } = next;
  const { state } = engine;
  const started = state.now = clock.now();
  adoptTree(state, records.tree);
  const { rings, sockets } = build(state, records, {
    asksDomains: false,
    openRing: (connection, record, domain) => takeRing(next, connection, record, domain),
    openSocket: (record) => takeSocket(next, record),
  });
  state.liveUpdate.resume(true);
  // C xenstored hands its own command line on, and does not tell what CONTROL has changed since.
  state.settings.resumeQuotas(state.domains.quotas, false);
  beginJournal(next);
  state.commits?.started("live update");
  next.sockets.forgetRest();
  state.settings.resume();
  removeInheritance(file, log);
  connectOthers(domains, log);
  // Deaths of the last moments were told to nobody.
  engine.checkDomains();
  for (const finding of check(state)) log("warning", finding);
  const ms = Math.ceil(clock.now() - started);
  const nodes = state.accounts.total("nodes");
  log(
    "info",
    `live update: took over ${counted(nodes, "node")}, ${counted(sockets, "socket")}, ${
      counted(rings, "ring")
    } (${ms} ms)`,
  );
  return takenOverBeginning(nodes);
}

/**
 * Where there is no space for the first image, what the last daemon has left in the file is what is
 * here now, unless that was C xenstored, and what is to come goes behind it.
 */
function beginJournal({ domains, engine: { state }, journal, log, sockets }: NextDaemon): void {
  try {
    journal.begin({ state, rings: () => [...domains.rings(), ...sockets.states()] }, true);
  } catch (error) {
    log("error", `live update: the store file cannot be written again: ${message(error)}`);
  }
}

function inFlight({ ignored, input, output, partialResponse }: ConnectionRecord): InFlight {
  return { input, output, partialResponse, ignored };
}

function takeSocket({ log, sockets }: NextDaemon, record: ConnectionRecord): Connection | null {
  const { end } = record;
  if (end.kind !== "socket") return null;
  try {
    return sockets.inherit(end.fd, inFlight(record));
  } catch (error) {
    log("warning", `live update: a client of the socket is lost: ${message(error)}`);
    return null;
  }
}

/** A ring that cannot be mapped stays known, so that its domain's death is announced. */
function takeRing(
  { domains, engine: { state }, log }: NextDaemon,
  connection: Connection,
  record: ConnectionRecord,
  domain: Domain,
): boolean {
  const { end } = record, { domid } = domain;
  domain.port ||= portInStore(state, domid);
  const port = end.kind === "ring" ? end.port : 0;
  const error = domains.handover?.inherit(connection, port, inFlight(record)) ?? NO_RINGS;
  if (error === OK) return true;
  log("warning", `domain ${domid}: its ring cannot be taken over; it waits to be introduced`);
  return false;
}

const NO_RINGS = 1;

/**
 * The guest's end of an event channel, which C xenstored does not tell and a restart needs: as the
 * toolstack left it in the store. What a guest may have written there is not believed.
 */
function portInStore(state: State, domid: number): number {
  const node = state.find(`${homePath(domid)}/store/port`);
  if (node === null || permDomid(node.perms[0]!) !== state.privDomid) return 0;
  const text = toText(node.value);
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0;
}

/** No client loses what it has because another one cannot be taken over. */
function connectOthers(domains: HostedDomains, log: Log): void {
  try {
    domains.connectExisting();
  } catch (error) {
    log("error", `live update: ${message(error)}`);
  }
}

function removeInheritance(file: string, log: Log): void {
  try {
    removeStateFile(file);
  } catch (error) {
    log("warning", message(error));
  }
}
