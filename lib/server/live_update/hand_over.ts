import { RECORDS_PER_SLICE } from "../../limits.ts";
import { type Clock, wallDate } from "../../clock.ts";
import {
  descriptorTarget,
  keepOnExec,
  openDescriptors,
  replaceProcess,
  setNonblocking,
} from "../../../ffi/exec.ts";
import { errorText } from "../../../ffi/libc.ts";
import type { Connection } from "../../engine/connection.ts";
import type { State } from "../../engine/state.ts";
import type { Journal } from "../../journal/journal.ts";
import { type ConnectionIo, snapshot } from "../../persist/snapshot.ts";
import { findHazards, forC } from "../../codec/c_xenstored_hazards.ts";
import { collectAll } from "../../state/checked_records.ts";
import { decodeStream, StreamEncoder } from "../../codec/stream.ts";
import { joinBytes } from "../../wire/text.ts";
import type { HostedDomains } from "../domains/hosted_domains.ts";
import { keepForNext } from "../supervision/inherited_descriptors.ts";
import { type Log, message } from "../logging/log.ts";
import { notifyReady, notifyReloading, notifyWatched } from "../process/notify.ts";
import { Peer } from "../peer/peer.ts";
import type { Sockets } from "../peer/sockets.ts";
import type { CodeCache } from "./code_cache.ts";
import { readStateFile, removeStateFile, writeStateFile } from "./state_file.ts";
import type { TrialSubject } from "./trial.ts";
import { counted } from "../../wire/counted.ts";

/** The daemon that is to come, and what it reads. */
export interface Successor {
  readonly kind: "xs" | "c";
  readonly file: string;
  /** Its command line, without its name. */
  readonly words: readonly string[];
  /** Version of the migration stream. */
  readonly version: 1 | 2;
  /** Where it looks for the state. */
  readonly stateFile: string;
  /** Where its code was compiled to in its trial, if that is of use. */
  readonly cache: CodeCache | null;
  /** Whether clients' sockets that are held for us can stay so: it goes on with their counts. */
  readonly takesHeld: boolean;
}

/** What goes over to another process. */
export interface HandOverParts {
  readonly state: State;
  readonly domains: HostedDomains;
  readonly journal: Journal;
  readonly sockets: Sockets;
  /** The listening socket's descriptor. */
  readonly listener: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A state that the next daemon could not read, or that cannot be given to it. */
export class HandOverError extends Error {
  override readonly name = "HandOverError";
}

/** Where a connection stands, as the next daemon is told. */
function whereItStands(
  { state, domains }: HandOverParts,
  connection: Connection,
  fd: number,
): ConnectionIo {
  const { outbox, kind } = connection;
  const { liveUpdate } = state;
  const flight = outbox instanceof Peer ? outbox.handOver() : NOTHING_IN_FLIGHT;
  const pendingReply = liveUpdate.pendingReplyOf(connection);
  return {
    fd,
    port: kind === "ring" ? domains.handover?.portOf(connection) ?? 0 : 0,
    input: flight.input,
    output: pendingReply === null ? flight.output : joinBytes([flight.output, pendingReply]),
    partialResponse: flight.partialResponse,
    ignored: flight.ignored,
  };
}

const NOTHING = new Uint8Array(0);
const NOTHING_IN_FLIGHT = { input: NOTHING, output: NOTHING, partialResponse: 0, ignored: true };

/** A state as the next daemon will find it. */
export interface EncodedHandOver {
  readonly pieces: readonly Uint8Array[];
  readonly subject: TrialSubject;
}

/** Encodes the state, slice by slice, so that who is not in a hurry can do something else. */
export function* encodeHandOver(
  parts: HandOverParts,
  { kind, version }: Successor,
): Generator<void, EncodedHandOver> {
  const descriptors = parts.sockets.descriptors();
  const { records } = snapshot(parts.state, {
    descriptors: {
      kind: "descriptors",
      socketFd: parts.listener,
      eventChannelFd: parts.domains.handover?.eventsFd ?? -1,
    },
    io: (connection) => whereItStands(parts, connection, descriptors.get(connection) ?? -1),
  });
  const ours = kind === "xs";
  const encoder = new StreamEncoder({ version, endian: "little", details: ours, depths: ours });
  let count = 0;
  for (const record of ours ? records : forC(records)) {
    encoder.put(record);
    if (++count % RECORDS_PER_SLICE === 0) yield;
  }
  encoder.end();
  return {
    pieces: encoder.take(),
    subject: { bytes: encoder.length, records: encoder.count },
  };
}

/**
 * Reads a state back from where the next daemon will find it, as that would.
 *
 * @throws {Error} that says what it would stumble over.
 */
export function checkState(path: string, { kind }: Pick<Successor, "kind">): TrialSubject {
  const bytes = readStateFile(path);
  const { count, records } = decodeStream(bytes);
  collectAll(records);
  if (kind === "c") {
    const [hazard] = findHazards(records);
    if (hazard !== undefined) throw new HandOverError(`C xenstored cannot take it: ${hazard}`);
  }
  return { bytes: bytes.length, records: count };
}

/**
 * Gives everything to the next daemon and lets it take this process's place. All output of the turn
 * has left and all that it changed is committed: a process that is killed from here on leaves a
 * complete store behind. Returns only if it was not possible, with the reason; everything is then
 * as it was.
 *
 * @param kept descriptors that stay open, too
 */
export function handOver(
  parts: HandOverParts,
  successor: Successor,
  inherited: readonly number[],
): string {
  const { clock, domains, journal, listener, log, sockets } = parts;
  const { file, kind, stateFile, words } = successor;
  const started = clock.now();
  if (!sockets.shut()) {
    sockets.open();
    return "The supervisor, which accepts connections for this daemon, does not answer.";
  }
  sockets.dropReaders();
  const staying = [listener, ...sockets.descriptors().values(), ...inherited];
  try {
    const steps = encodeHandOver(parts, successor);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    writeStateFile(stateFile, step.value.pieces);
    const { bytes, records } = checkState(stateFile, successor);
    if (domains.handover !== undefined) staying.push(domains.handover.eventsFd);
    const ms = Math.ceil(clock.now() - started);
    log(
      "info",
      `live update: ${file} takes over ${counted(records, "record")}, ${bytes} bytes (${ms} ms)`,
    );
  } catch (error) {
    tidyUp(stateFile, log);
    sockets.open();
    return message(error);
  }
  journal.settle();
  if (kind === "xs") notifyReloading(log);
  // Should it die, nobody is to take for new what is old by then.
  if (kind === "c") journal.handOver(`${file} took over at ${wallDate(clock).toISOString()}`);
  notifyWatched(false);
  const code = leave(parts, successor, staying, [file, ...words]);
  notifyWatched(true);
  if (kind === "xs") notifyReady(log);
  if (kind === "c") journal.handOver(null);
  sockets.open();
  tidyUp(stateFile, log);
  return `Error activating new binary: ${errorText(code)}`;
}

function leave(
  { domains: { handover }, sockets }: HandOverParts,
  { cache, file, kind, takesHeld }: Successor,
  others: readonly number[],
  argv: readonly string[],
): number {
  // Should it die before it has the state in its file, the next daemon has all as it is now.
  const inherited = takesHeld ? sockets.keep() : null;
  const staying = [...others, ...inherited?.values() ?? []];
  keepOnly(staying);
  // Its own reads wait for an event that it knows to be there.
  if (handover !== undefined && kind === "c") setNonblocking(handover.eventsFd, false);
  handover?.giveUp();
  if (inherited === null) sockets.giveUp();
  else keepForNext(Deno.env, inherited);
  cache?.lend();
  const code = replaceProcess(file, argv);
  cache?.remove();
  handover?.takeBack();
  if (inherited === null) sockets.takeBack();
  else keepForNext(Deno.env, null);
  if (handover !== undefined) setNonblocking(handover.eventsFd, true);
  for (const fd of staying) keepOnExec(fd, false);
  return code;
}

/** Standard input, output and error are everybody's. */
const STANDARD_FD_MAX = 2;

function keepOnly(staying: readonly number[]): void {
  for (const fd of openDescriptors()) {
    // That of the folder that was just read is closed by now.
    if (fd <= STANDARD_FD_MAX || descriptorTarget(fd) === null) continue;
    keepOnExec(fd, staying.includes(fd));
  }
}

function tidyUp(stateFile: string, log: Log): void {
  try {
    removeStateFile(stateFile);
  } catch (error) {
    log("warning", message(error));
  }
}
