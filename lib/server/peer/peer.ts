import type { Handled } from "../../engine/engine.ts";
import type { Connection } from "../../engine/connection.ts";
import type { ConnectionKind, Outbox } from "../../engine/connection_base.ts";
import type { RingState } from "../../state/ring_state.ts";
import { EVENT_UNITS, REQUEST_UNITS, TEXT_SHIFT } from "../../engine/work_meter.ts";
import {
  OUTPUT_STALL_BYTES,
  RING_OUTPUT_BYTES_MAX,
  SOCKET_OUTPUT_BYTES_MAX,
} from "../../limits.ts";
import type { Transport } from "../../transport/transport.ts";
import { E2BIG, errorPayload } from "../../wire/errors.ts";
import { wholeMessage } from "../../wire/framing.ts";
import { decodeHeader, emptyHeader, HEADER_SIZE, PAYLOAD_MAX } from "../../wire/header.ts";
import { MessageType } from "../../wire/message_type.ts";
import { toText } from "../../wire/text.ts";
import { OutstandingRequests, tellOutstanding } from "./outstanding_requests.ts";
import type { GoneReason, InFlight, PeerHost } from "./peer_host.ts";
import { PeerBuffers } from "./peer_buffers.ts";
import { payloadIn, sharedInput } from "./peer_input.ts";
import type { News } from "./ring_news.ts";
import { NEVER } from "./message_bounds.ts";

const header = emptyHeader();

/**
 * One client's connection: takes whole requests out of the stream of bytes, and queues replies
 * and events for it. It never waits and never does more than a turn's share of work.
 */
export class Peer implements Outbox {
  readonly #transport: Transport;
  readonly #host: PeerHost<Peer>;
  /** What is buffered for it either way. */
  readonly buffers: PeerBuffers = new PeerBuffers();
  readonly #input = this.buffers.input;
  readonly #output = this.buffers.output;
  readonly #waiting = this.buffers.waiting;
  readonly #news = this.buffers.news;
  readonly #outputMax: number;
  #connection: Connection | null = null;
  /** What a guest has not taken of what its requests led to; null for all others. */
  #outstanding: OutstandingRequests | null = null;
  /** Whether the journal is told how far the client has been served. */
  readonly #journaled: boolean;
  /** Rises when what is buffered is dropped, so that a step under way notices. */
  #epoch = 0;
  #open = true;
  /** The client has closed its end: what it has sent is still answered. */
  #ended = false;
  #stalled = false;
  #dropping = false;
  #doom: GoneReason | null = null;
  /** Kept by the host: whether the peer is on its lists of the ready and the unflushed, where, since when. */
  isReady = false;
  isUnflushed = false;
  prepaid = 0;
  readyAt = 0;

  /** `key` is what the owner knows the peer by: a socket's descriptor, a ring's domid. */
  constructor(
    readonly kind: ConnectionKind,
    readonly key: number,
    transport: Transport,
    host: PeerHost<Peer>,
  ) {
    this.#transport = transport;
    this.#journaled = transport.position !== undefined;
    this.#host = host;
    this.#outputMax = kind === "socket" ? SOCKET_OUTPUT_BYTES_MAX : RING_OUTPUT_BYTES_MAX;
  }

  /** The engine's side of this peer; set once, before the first step. */
  get connection(): Connection {
    return this.#connection!;
  }

  set connection(connection: Connection) {
    this.#connection = connection;
    if (this.kind === "socket" || connection.privileged) return;
    const look = (): void => this.#stalled ? this.#host.unflushed(this) : undefined;
    this.#outstanding = new OutstandingRequests(connection, look);
  }

  /** False once nothing more is read from or written to the client. */
  get open(): boolean {
    return this.#open;
  }

  /** Bytes queued for the client and not sent. */
  get unsent(): number {
    return this.#output.length;
  }

  /** Whether requests are left unread until the client takes its answers. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /**
   * Reads once and handles whole requests, until its host's units are used up. True when there is
   * more to do without any news from the client.
   */
  step(now: number): boolean {
    if (!this.#open || this.#doom !== null) return false;
    if (this.#waiting.held || this.#isStalled()) return false;
    const { hasWhole, own } = this.#input;
    // A ring announces once what it holds, and that may have been while these waited here.
    const unseen = this.#input.more || this.kind === "ring";
    if (own !== null && hasWhole) return this.#handleAll(own, now) || unseen;
    const count = this.#ended ? -1 : this.#input.read(this.#transport, now);
    if (count <= 0) {
      this.#ended = count < 0;
      // The flush ends the peer, unless it is ready once more.
      if (this.#ended) this.#host.unflushed(this);
      return false;
    }
    this.#noteRead();
    return this.#handleAll(own ?? sharedInput, now) || this.#input.more;
  }

  #isStalled(): boolean {
    if (this.#waiting.retries || !this.#owesMuch()) return false;
    this.#stalled = true;
    return true;
  }

  #owesMuch(): boolean {
    const most = this.#journaled ? this.#host.stallBytes : OUTPUT_STALL_BYTES;
    return this.#output.length > most || this.#outstanding?.full === true;
  }

  /** What was read is released by {@link flush}, even if nothing must be answered yet. */
  #noteRead(): void {
    if (!this.#journaled) return;
    this.#news.noteMoved();
    this.#host.unflushed(this);
  }

  /** Handles requests out of `bytes`; true when a whole one is left and may be handled. */
  #handleAll(bytes: Uint8Array<ArrayBuffer>, now: number): boolean {
    const epoch = this.#epoch, input = this.#input;
    const { meter, unitsLeft } = this.#host;
    let size = wholeMessage(bytes, input.start, input.end);
    while (size > 0 && meter.units < unitsLeft && this.#doom === null && !this.#isStalled()) {
      decodeHeader(bytes, input.start, header);
      if (this.#host.defers(this, header, bytes, input.start)) break;
      meter.add(REQUEST_UNITS + (size >> TEXT_SHIFT));
      const from = input.start;
      input.start = from + size;
      this.#waiting.retries = false;
      const handled = this.#handleOne(bytes, from, size, now);
      if (this.#epoch !== epoch) return false;
      if (handled !== "done" && this.#postpone(bytes.subarray(from, from + size), handled)) {
        input.start = from;
        break;
      }
      size = wholeMessage(bytes, input.start, input.end);
    }
    if (size < 0) {
      this.#doomFor("oversize");
      input.reject(bytes);
      return false;
    }
    input.keepRest(bytes);
    return size > 0 && !this.#stalled && !this.#waiting.held;
  }

  #postpone(message: Uint8Array, how: Handled): boolean {
    this.#host.cause = null;
    if (!this.#waiting.any) this.#host.postponed(this);
    this.#waiting.add(message, how);
    this.#host.unflushed(this);
    return this.#waiting.held;
  }

  /** What requests waited for has happened. */
  release(): void {
    if (!this.#waiting.any) return;
    const input = this.#waiting.release(this.#input.copy());
    if (input !== null) this.#input.replace(input);
    this.#host.ready(this);
    this.#host.unflushed(this);
  }

  /** Handles the request that {@link header} is of. */
  #handleOne(bytes: Uint8Array, from: number, size: number, now: number): Handled {
    const payload = payloadIn(bytes, from, size);
    const connection = this.#connection!;
    const { stream, trace } = this.#host;
    if (trace.io) trace.request(connection, header, payload);
    if (stream.on) stream.request(connection, header, payload, this.#input.readAt);
    const cause = this.#host.cause = this.#outstanding;
    cause?.begin();
    try {
      const handled = this.#host.handler.handle(connection, header, payload, now);
      if (stream.on) stream.handled();
      return handled;
    } catch (error) {
      this.#host.cause = null;
      this.#host.failed(this, error);
      this.#doomFor("failed");
      return "done";
    }
  }

  reply(type: number, reqId: number, txId: number, payload: Uint8Array): void {
    const outstanding = this.#outstanding;
    // What comes behind the reply to a guest it has not caused: the first event of its watch.
    if (outstanding !== null) this.#host.cause = null;
    if (!this.#open) return;
    if (payload.length > PAYLOAD_MAX) {
      return this.reply(MessageType.ERROR, reqId, txId, errorPayload(E2BIG));
    }
    const waiter = outstanding === null ? null : outstanding.replied();
    this.#output.addReply(type, reqId, txId, payload, waiter);
    const host = this.#host, connection = this.#connection!;
    if (host.trace.io) host.trace.out(connection, type, reqId, toText(payload));
    if (host.stream.on) host.stream.reply(connection, type, reqId, payload);
    if (!this.isUnflushed) host.unflushed(this);
  }

  event(path: string, token: string): void {
    if (!this.#open || this.#doom !== null) return;
    const length = path.length + token.length + 2;
    // A message cannot be longer, and an event has no reply to carry an error (XSA-324).
    if (length > PAYLOAD_MAX) return;
    this.#host.meter.add(EVENT_UNITS + (length >> TEXT_SHIFT));
    const output = this.#output;
    if (output.repeats(path, token)) return;
    const host = this.#host, connection = this.#connection!, { cause } = host;
    const bound = output.crosses(this.#outputMax, HEADER_SIZE + length, cause, this.#outstanding);
    if (bound > 0) return this.#overflow(bound);
    const expires = cause !== null || this.#outstanding !== null;
    output.addEvent(path, token, cause, expires ? host.eventDue : NEVER);
    if (host.trace.io) host.trace.event(connection, path, token);
    if (host.stream.on) host.stream.event(connection, path, token);
    if (!this.isUnflushed) host.unflushed(this);
  }

  #overflow(bytes: number): void {
    const what = `${bytes} bytes are unread`;
    if (this.kind === "ring") return this.#warnOfDropping(what);
    this.#host.warn(this, `disconnected: ${what} and another watch event came`);
    this.#doomFor("overflow");
  }

  #warnOfDropping(why: string): void {
    if (!this.#dropping) this.#host.warn(this, `watch events dropped: ${why}`);
    this.#dropping = true;
  }

  /** Its client goes on as something else at the end of this turn: see {@link detach}. */
  leave(): void {
    this.#doomFor("left");
  }

  /** Ends the peer at the end of this turn, when its replies so far have been sent. */
  #doomFor(reason: GoneReason): void {
    this.#doom = reason;
    this.#host.unflushed(this);
  }

  /** Sends what the client takes now. To be called after the turn's commit only. */
  flush(): void {
    if (!this.#open) return;
    if (this.#transport.settle()) this.#host.ready(this);
    const sent = this.#output.sendTo(this.#transport, this.#host);
    if (sent < 0) return this.#finish("closed");
    const unsent = this.#output.length;
    if (this.#doom === "left") return this.#host.gone(this, "left");
    if (this.#doom !== null) return this.#finish(this.#doom);
    if (unsent === 0) {
      this.#dropping = false;
      if (this.#ended && !this.isReady && !this.#waiting.any) return this.#finish("closed");
    }
    if (this.#stalled && !this.#owesMuch()) {
      this.#stalled = false;
      this.#host.ready(this);
    }
    if (unsent > 0 && this.#output.hasExpiring) this.#host.expires(this);
    const reads = !this.#stalled && !this.#ended && !this.#waiting.held;
    this.#transport.want(reads, unsent > 0);
  }

  /**
   * Of a guest drops the events that have waited too long; of others see {@link PeerOutput.releaseDue}.
   * False when none is left that can come to that.
   */
  expire(now: number): boolean {
    const tell = (path: string): void => this.#host.trace.timeout(this.#connection!, path);
    if (this.#outstanding === null) this.#output.releaseDue(now);
    else if (this.#output.dropDue(now, this.#host.eventDue, tell) > 0) {
      this.#warnOfDropping("the client did not read them in time");
      this.#news.noteReset();
      this.#host.unflushed(this);
    }
    return this.#output.hasExpiring;
  }

  #finish(reason: GoneReason): void {
    if (reason === "oversize") this.#transport.rejectOversize();
    this.#open = false;
    this.drop();
    if (this.kind === "ring") this.#noteRead();
    this.#host.gone(this, reason);
  }

  /** Forgets all that is buffered either way, and what has happened to the client so far. */
  drop(): void {
    this.#epoch++;
    this.buffers.drop();
    this.#ended = false;
    this.#stalled = false;
    this.#dropping = false;
    this.#doom = null;
  }

  /** Starts again, as a ring does when its domain is introduced again. */
  revive(): void {
    this.drop();
    this.#open = true;
    this.#news.noteReset();
    this.#host.unflushed(this);
  }

  /**
   * Whether a ring, or a held socket, has got on since {@link takeNews}: the journal must know
   * before the client.
   */
  get hasNews(): boolean {
    return this.#journaled && this.#news.any(this.#open, this.#output.added);
  }

  /** How far a ring has been served, with what has come since the last time. */
  takeNews(): RingState {
    return this.#ringState(this.#news.take(this.#output.added));
  }

  /** How far a ring has been served, with all that is owed to the guest. */
  wholeState(): RingState {
    return this.#ringState({ fresh: Infinity, reset: true });
  }

  #ringState(news: News): RingState {
    const { key } = this.#connection!;
    return this.buffers.ringState(key, this.#transport.position!, news, this.#open);
  }

  /** After a restart: goes on with what its last life had read and not sent. */
  resume(was: RingState): void {
    if (!this.#goOn(was.ignored)) return;
    const { position } = this.#transport;
    this.buffers.resume(was, position!, this.#outstanding, this.#host.eventDue);
  }

  /** False when the client is not listened to. */
  #goOn(ignored: boolean): boolean {
    this.#host.unflushed(this);
    this.#open = !ignored;
    if (this.#open) this.#host.ready(this);
    return this.#open;
  }

  outstanding(tell: (connection: Connection, request: object | null) => void): void {
    for (const waiter of this.#output.waiters()) tellOutstanding(waiter, tell);
  }

  /** What is buffered either way, for another process to go on with. */
  handOver(): InFlight {
    return this.buffers.handOver(this.#transport, this.#open);
  }

  /** Goes on with what another process had buffered. */
  takeOver(flight: InFlight): void {
    if (!this.#goOn(flight.ignored)) return;
    this.buffers.takeOver(flight, this.#outstanding, this.#host.eventDue);
    this.#noteRead();
  }

  /** Ends the peer now: nothing more is read, sent or reported. */
  close(): void {
    this.#open = false;
    this.#news.forget();
    this.drop();
    if (this.#host.stream.on) this.#host.stream.closed(this.#connection!);
    this.#transport.close();
  }

  /** Ends the peer of a client that left; its descriptor goes on, with what was not sent. */
  detach(): { fd: number; unsent: Uint8Array } {
    const unsent = this.#output.last(this.#output.length), fd = this.#transport.detach!();
    this.close();
    return { fd, unsent };
  }

  /** What can be seen of its ring; null of a socket. */
  lookAtRing(): ReturnType<PeerBuffers["lookAtRing"]> {
    return this.buffers.lookAtRing(this.#transport, this.#stalled, this.#open);
  }
}
