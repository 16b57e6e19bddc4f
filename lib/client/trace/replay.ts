import {
  REPLAY_CLIENTS_MAX,
  REPLAY_EVENTS_MAX,
  REPLAY_TRANSACTIONS_MAX,
  TRACE_KINDS_MAX,
} from "../../limits.ts";
import { equalBytes, joinBytes, toBytes, toText } from "../../wire/text.ts";
import { MessageType } from "../../wire/message_type.ts";
import { XenstoreError } from "../error.ts";
import type { Session } from "../session.ts";
import type { TracedCall, TracedClient, TraceEntry } from "./entries.ts";
import { kindName } from "./entry_text.ts";

/** What is not sent again: it speaks to the daemon itself, or of domains that its host has. */
const NOT_SENT: ReadonlySet<number> = new Set([
  MessageType.CONTROL,
  MessageType.INTRODUCE,
  MessageType.RELEASE,
  MessageType.RESUME,
  MessageType.SET_TARGET,
  MessageType.SET_FEATURE,
  MessageType.SET_QUOTA,
  MessageType.GET_FEATURE,
  MessageType.GET_QUOTA,
  MessageType.IS_DOMAIN_INTRODUCED,
]);

/** A recording has more clients at once than {@link REPLAY_CLIENTS_MAX}. */
export class TooManyClients extends Error {
  override readonly name = "TooManyClients";

  constructor() {
    super(
      `more than ${REPLAY_CLIENTS_MAX} clients at once (record some of them: --domain, --process)`,
    );
  }
}

/** A call that another daemon answers otherwise. */
export interface ReplayDifference {
  readonly kind: "reply";
  readonly call: TracedCall;
  /** What it answered, without its last NUL: the error's name or the payload, one character a byte. */
  readonly now: string;
  readonly isError: boolean;
}

/** Events of one client, other in number than in the recording. */
export interface EventDifference {
  readonly kind: "events";
  readonly client: TracedClient;
  readonly path: string;
  readonly token: string;
  readonly recorded: number;
  readonly now: number;
}

/** What a replay came to. */
export interface ReplayResult {
  sent: number;
  /** By their kinds, what was not sent. */
  readonly notSent: Map<string, number>;
  differences: number;
}

/** The far end of one client of a recording. */
interface Stand {
  readonly session: Session;
  readonly client: TracedClient;
  /** The other daemon's ids of open transactions, by those recorded. */
  readonly transactions: Map<number, number>;
  /** How often each event came, and comes: path, NUL, token. */
  readonly recorded: Map<string, number>;
  readonly now: Map<string, number>;
}

/**
 * Sends the calls of a recording again, one after the other in the order of their answers, each client's on a
 * connection of its own, and tells which answers differ. A guest's calls are sent on a socket, too: with all
 * rights, and its paths made absolute.
 */
export class Replay {
  readonly result: ReplayResult = { sent: 0, notSent: new Map(), differences: 0 };
  readonly #open: () => Promise<Session>;
  readonly #tell: (difference: ReplayDifference | EventDifference) => void;
  readonly #stands = new Map<number, Stand>();

  constructor(
    open: () => Promise<Session>,
    tell: (difference: ReplayDifference | EventDifference) => void,
  ) {
    this.#open = open;
    this.#tell = tell;
  }

  /** Sends the next calls. @throws {XenstoreError} when the connection is lost; {@link TooManyClients}. */
  async add(entries: readonly TraceEntry[]): Promise<void> {
    for (const entry of entries) {
      if (entry.kind === "call") await this.#call(entry);
      else if (entry.kind === "event") {
        await this.#event(entry.client, toText(entry.message.payload));
      } else if (entry.kind === "closed") await this.#close(entry.client.id);
    }
  }

  /** There are no more. @throws {XenstoreError} when the connection is lost. */
  async end(): Promise<void> {
    for (const id of [...this.#stands.keys()]) await this.#close(id);
  }

  async #stand(client: TracedClient): Promise<Stand> {
    const known = this.#stands.get(client.id);
    if (known !== undefined) return known;
    if (this.#stands.size >= REPLAY_CLIENTS_MAX) throw new TooManyClients();
    const session = await this.#open();
    const now = new Map<string, number>();
    session.listen({
      event: (path, token) => countEvent(now, `${path}\0${token}\0`),
      end: () => {},
    });
    const transactions = new Map<number, number>();
    const stand = { session, client, transactions, recorded: new Map<string, number>(), now };
    this.#stands.set(client.id, stand);
    return stand;
  }

  async #call(call: TracedCall): Promise<void> {
    const { client, request } = call;
    const isRefused = client.kind === "ring" && toText(call.reply.payload) === "EACCES\0";
    if (NOT_SENT.has(request.type) || isRefused) return this.#notSent(request.type);
    const stand = await this.#stand(client);
    // A transaction that began before the recording is one that the other daemon does not have.
    const txId = request.txId === 0 ? 0 : stand.transactions.get(request.txId);
    const isStart = request.type === MessageType.TRANSACTION_START;
    const isFull = isStart && stand.transactions.size >= REPLAY_TRANSACTIONS_MAX;
    if (txId === undefined || isFull) return this.#notSent(request.type);
    const { isError, payload } = await this.#send(stand, call, txId);
    this.result.sent++;
    if (isStart && !isError) {
      stand.transactions.set(idIn(call.reply.payload), idIn(payload));
    }
    if (request.type === MessageType.TRANSACTION_END) stand.transactions.delete(request.txId);
    if (answersAlike(call, payload, isError)) return;
    this.result.differences++;
    this.#tell({ kind: "reply", call, now: toText(payload).replace(/\0$/, ""), isError });
  }

  /** Counts unknown kinds together, since a recording may have any number of them. */
  #notSent(type: number): void {
    const { notSent } = this.result;
    const kind = kindName(type);
    count(notSent, notSent.size < TRACE_KINDS_MAX || notSent.has(kind) ? kind : "(others)");
  }

  async #send(
    { session }: Stand,
    { client, request: { payload, type } }: TracedCall,
    txId: number,
  ): Promise<{ isError: boolean; payload: Uint8Array }> {
    const sent = client.kind === "ring" ? absolute(payload, type, client.domid) : payload;
    const subject = { operation: kindName(type), path: "" };
    try {
      return { isError: false, payload: await session.request(type, txId, sent, subject) };
    } catch (error) {
      if (!(error instanceof XenstoreError) || !session.open) throw error;
      return { isError: true, payload: toBytes(`${error.code}\0`) };
    }
  }

  async #event(client: TracedClient, message: string): Promise<void> {
    // Guests' paths are others on a socket; a watch from before the recording has no events here.
    if (client.kind === "ring") return;
    countEvent((await this.#stand(client)).recorded, message);
  }

  async #close(id: number): Promise<void> {
    const stand = this.#stands.get(id);
    this.#stands.delete(id);
    if (stand === undefined) return;
    // What it asks last comes behind all events.
    const subject = { operation: "read", path: "/" };
    await stand.session.request(MessageType.READ, 0, toBytes("/\0"), subject).catch(() => null);
    stand.session.close();
    if (stand.client.kind === "ring") return;
    for (const message of new Set([...stand.recorded.keys(), ...stand.now.keys()])) {
      const recorded = stand.recorded.get(message) ?? 0, now = stand.now.get(message) ?? 0;
      if (recorded === now) continue;
      this.result.differences++;
      const [path = "", token = ""] = message.split("\0");
      this.#tell({ kind: "events", client: stand.client, path, token, recorded, now });
    }
  }
}

/** Counts an event by path and token; beyond {@link REPLAY_EVENTS_MAX} kinds it counts the others together. */
function countEvent(counts: Map<string, number>, message: string): void {
  count(counts, counts.size < REPLAY_EVENTS_MAX || counts.has(message) ? message : "(others)\0");
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function idIn(payload: Uint8Array): number {
  return Number.parseInt(toText(payload), 10) >>> 0;
}

/** A payload whose first word is a path, for a client that is not at home there. */
function absolute(payload: Uint8Array, type: number, domid: number): Uint8Array {
  if (type === MessageType.TRANSACTION_START || type === MessageType.TRANSACTION_END) {
    return payload;
  }
  if (type === MessageType.GET_DOMAIN_PATH || type === MessageType.RESET_WATCHES) return payload;
  const first = payload[0];
  if (first === 0x2f || first === 0x40 || first === undefined) return payload;
  return joinBytes([toBytes(`/local/domain/${domid}/`), payload]);
}

function answersAlike(call: TracedCall, payload: Uint8Array, isError: boolean): boolean {
  const { reply, request } = call;
  if ((reply.type === MessageType.ERROR) !== isError) return false;
  if (isError) return equalBytes(reply.payload, payload);
  if (request.type === MessageType.TRANSACTION_START) return true;
  if (reply.hidden) return reply.payload.length === payload.length;
  if (request.type === MessageType.DIRECTORY) {
    return sorted(reply.payload) === sorted(payload);
  }
  // The generation before the names is each daemon's own.
  const from = (bytes: Uint8Array): number =>
    request.type === MessageType.DIRECTORY_PART ? bytes.indexOf(0) + 1 : 0;
  return equalBytes(reply.payload.subarray(from(reply.payload)), payload.subarray(from(payload)));
}

/** The order of a node's children is each daemon's own. */
function sorted(payload: Uint8Array): string {
  return toText(payload).split("\0").sort().join("\0");
}
