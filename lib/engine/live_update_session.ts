import { encodeMessage, type Header } from "../wire/header.ts";
import { MessageType } from "../wire/message_type.ts";
import { toBytes } from "../wire/text.ts";
import type { UpdateActions, UpdateOrder } from "./daemon_actions.ts";
import type { Connection } from "./connection.ts";
import type { Settings } from "./settings.ts";

/** How a live update is to start: the options of `live-update -s`. */
export interface UpdateStart {
  /** How long transactions may take to end, in seconds. */
  readonly timeout: number;
  /** Whether transactions older than that are given up. */
  readonly force: boolean;
  /** Version of the migration stream, or null for the best one. */
  readonly version: number | null;
}

/** What becomes of a request while new transactions wait. */
export type Verdict = "handle" | "deferred" | "held";

/**
 * What a session waits for: its start, the trial of the next daemon, the end of all transactions,
 * or the end of this turn.
 */
type Phase = "prepared" | "trying" | "waiting" | "leaving";

/** One operator's live update, from `-f` to its end. */
interface Session {
  readonly connection: Connection;
  readonly file: string;
  commandLine: string | null;
  phase: Phase;
  /** The request to be answered, once started. */
  reqId: number;
  txId: number;
  start: UpdateStart;
  startedAt: number;
}

/** The versions of the stream that there are. */
export const STREAM_VERSION_MAX = 2;

const NO_START: UpdateStart = { timeout: 0, force: false, version: null };

/**
 * Who waits for the answer to `-s`, among what outlives the process: `key reqId txId`. With the
 * daemon its session dies, but not always its connection.
 */
const WAITING = "live-update-waiting";

/**
 * The course of a live update, as the operator's tool sees it (reference section 8.5): the daemon
 * around the engine does what must be done, this says when. There is one session at most; it ends
 * with its connection.
 */
export class LiveUpdate {
  readonly #actions: () => UpdateActions | null;
  readonly #connections: Iterable<Connection>;
  readonly #settings: () => Settings;
  #session: Session | null = null;
  /** Whether {@link look} has something to do. */
  due = false;

  constructor(
    actions: () => UpdateActions | null,
    connections: Iterable<Connection>,
    settings: () => Settings,
  ) {
    this.#actions = actions;
    this.#connections = connections;
    this.#settings = settings;
  }

  /** Whether new transactions have to wait. */
  get parking(): boolean {
    return this.#session !== null &&
      (this.#session.phase === "waiting" || this.#session.phase === "leaving");
  }

  /** `-f`: begins a session. Returns the reply. */
  begin(connection: Connection, file: string): string {
    const actions = this.#actions();
    if (actions === null) return "This daemon cannot be replaced: it is part of another program.";
    const refusal = actions.refuse(file);
    if (refusal !== null) return refusal;
    if (this.#session !== null) return "live-update session already active.";
    this.#session = {
      connection,
      file,
      commandLine: null,
      phase: "prepared",
      reqId: 0,
      txId: 0,
      start: NO_START,
      startedAt: 0,
    };
    return "OK";
  }

  /** `-c`: the next daemon's command line, without its name. Returns the reply. */
  setCommandLine(connection: Connection, text: string): string {
    const session = this.#session;
    if (session?.connection !== connection) return "Not in live-update session.";
    if (session.phase !== "prepared") return "BUSY";
    session.commandLine = text;
    return "OK";
  }

  /** `-s`: tries the next daemon out. Returns the reply, or null when it is to come later. */
  start(
    connection: Connection,
    request: Pick<Header, "reqId" | "txId">,
    start: UpdateStart,
    now: number,
  ): string | null {
    const session = this.#session;
    if (session?.connection !== connection) return "Not in live-update session.";
    if (start.version !== null && (start.version < 1 || start.version > STREAM_VERSION_MAX)) {
      return "Migration stream version not supported.";
    }
    if (session.phase !== "prepared") return "BUSY";
    session.phase = "trying";
    session.start = start;
    session.startedAt = now;
    session.reqId = request.reqId;
    session.txId = request.txId;
    if (connection.key >= 0) {
      this.#settings().set(WAITING, `${connection.key} ${request.reqId} ${request.txId}`);
    }
    this.#actions()!.tryOut(orderOf(session));
    return null;
  }

  /** `-a`: ends the session, from whichever connection. Returns the reply. */
  abort(): string {
    if (this.#session === null) return "No live-update session active.";
    this.fail("Cancellation was requested");
    return "OK";
  }

  /** The trial has ended: well with null, else with the reason for the operator. */
  tried(why: string | null): void {
    if (this.#session?.phase !== "trying") return;
    if (why !== null) return this.fail(why);
    this.#session.phase = "waiting";
    this.due = true;
  }

  /** Ends the session; who waits for its reply gets `text`. */
  fail(text: string): void {
    const session = this.#session;
    if (session === null) return;
    this.#end(session);
    if (session.phase === "prepared") return;
    const { connection: { outbox }, reqId, txId } = session;
    outbox.reply(MessageType.CONTROL, reqId, txId, toBytes(`${text}\0`));
  }

  /** A connection has ended, or begins again: its session ends with it. */
  forget(connection: Connection): void {
    if (this.#session?.connection === connection) this.#end(this.#session);
  }

  #end({ phase }: Session): void {
    this.#session = null;
    this.due = true;
    if (phase === "prepared") return;
    this.#settings().drop(WAITING);
    this.#actions()?.drop();
  }

  /**
   * To be called when a daemon goes on where its last life, or another daemon, has ended: who
   * waited for an answer then gets one, unless that is on its way already (`answered`).
   */
  resume(answered: boolean): void {
    const waiting = this.#settings().get(WAITING);
    if (waiting === null) return;
    this.#settings().drop(WAITING);
    const [key, reqId = 0, txId = 0] = waiting.split(" ").map(Number);
    for (const connection of answered ? [] : this.#connections) {
      if (connection.key !== key) continue;
      const text = "The daemon died before another was in its place.";
      connection.outbox.reply(MessageType.CONTROL, reqId, txId, toBytes(`${text}\0`));
    }
  }

  /** Looks whether it is time to leave, or to give up. `now` is in ms of the engine's clock. */
  look(now: number): void {
    this.due = false;
    const session = this.#session;
    if (session?.phase !== "waiting") return;
    const { force, timeout } = session.start;
    if (!this.#mayLeave(session.start, now)) {
      if (now < session.startedAt + timeout * 1000) return;
      if (!force) return this.fail(this.#whyNot(timeout, now));
    }
    session.phase = "leaving";
    this.#actions()!.handOver(orderOf(session));
  }

  /** No transaction is open, or all have been for too long and must be given up. */
  #mayLeave({ force, timeout }: UpdateStart, now: number): boolean {
    let [open, long] = [0, 0];
    for (const connection of this.#connections) {
      const age = ageOf(connection, now);
      if (age === null) continue;
      open++;
      if (age >= timeout) long++;
    }
    return open === 0 || force && long === open;
  }

  #whyNot(timeout: number, now: number): string {
    const lines: string[] = [];
    for (const connection of this.#connections) {
      const age = ageOf(connection, now);
      if (age === null || age < timeout) continue;
      lines.push(`\nDomain ${connection.domid}: ${Math.floor(age)} s`);
    }
    if (lines.length === 0) return "Overlapping transactions";
    return `Domains with long running transactions:${lines.join("")}`;
  }

  /**
   * What to do with a request while new transactions wait: handle it as ever; defer it and go on
   * with the next; or leave it where it is, with all behind it. Only domain 0's kernel, which speaks
   * for many and tells their replies apart by their ids, and the operator, who may give up, go on.
   */
  admit(connection: Connection, { type, txId }: Header): Verdict {
    const isStart = type === MessageType.TRANSACTION_START && txId === 0;
    if (!isStart || connection.transactions.size > 0) return "handle";
    const goesOn = connection === this.#session?.connection ||
      connection.privileged && connection.kind === "ring";
    return goesOn ? "deferred" : "held";
  }

  /** The reply to the operator, as bytes, which the next daemon is to send. */
  pendingReplyOf(connection: Connection): Uint8Array | null {
    const session = this.#session;
    if (session?.connection !== connection || session.phase === "prepared") return null;
    return encodeMessage(MessageType.CONTROL, session.reqId, session.txId, toBytes("OK\0"));
  }
}

function orderOf({ file, commandLine, start: { version } }: Session): UpdateOrder {
  return { file, commandLine, version };
}

/** How long a connection's oldest transaction has been open, in seconds; null when it has none. */
function ageOf(connection: Connection, now: number): number | null {
  let oldest: number | null = null;
  for (const { startedAt } of connection.transactions.values()) {
    oldest = Math.min(oldest ?? startedAt, startedAt);
  }
  return oldest === null ? null : (now - oldest) / 1000;
}
