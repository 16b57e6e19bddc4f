import type { Clock } from "../../clock.ts";
import { commandAlone, nameIn } from "../../engine/author.ts";
import type { Connection } from "../../engine/connection.ts";
import { STREAM_DELAY_MS, STREAM_SEND_BYTES, STREAM_WALL_MS } from "../../limits.ts";
import type { Node } from "../../store/node.ts";
import type { Redaction } from "../../store/redaction.ts";
import { encodeHeader, type Header, HEADER_SIZE, MESSAGE_MAX } from "../../wire/header.ts";
import { jsonLine } from "../../wire/json.ts";
import { MessageType } from "../../wire/message_type.ts";
import { putText } from "../../wire/text.ts";
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  HIDDEN_BYTE,
  HIDDEN_REPLY,
  HIDDEN_REQUEST,
  putFrameHead,
  type StreamClientInfo,
} from "../../wire/stream_frame.ts";
import { hiddenParts } from "../logging/hidden_parts.ts";
import { type CallBegun, emptyCall, PendingCalls } from "./pending_calls.ts";
import type { StreamReader } from "./stream_reader.ts";

/** Room for the largest frame: a call with the longest request and reply. */
const frame = new Uint8Array(FRAME_HEADER_BYTES + 2 * MESSAGE_MAX);
const encoder = new TextEncoder();

/**
 * All messages of all clients, for those who read them: each `Peer` tells of its own while {@link on}, and
 * pays for one look at that otherwise. Nothing here waits: a reader who is slow loses frames.
 */
export class MessageStream {
  /** Whether anybody reads: looked at for each message, so kept apart. */
  on = false;
  /** When what is queued must be sent, in ms; Infinity for not at all. */
  sendAt = Infinity;
  /** The tree in which domains have names; set where there is an engine. */
  root: (() => Node) | null = null;
  /** Called when a reader has ended by itself. */
  onGone: (reader: StreamReader) => void = () => {};
  readonly #readers = new Set<StreamReader>();
  readonly #pending = new PendingCalls();
  /** The call that is being handled; nothing is made for each. */
  readonly #call: CallBegun = emptyCall();
  #isHandling = false;
  /** Nobody has room for the call that is being handled, and everybody wants all. */
  #isLost = false;
  #numberLast = 0;
  /** The time of what is told now, in ms, and what must be added to it for ms since 1970. */
  #now = 0;
  #wallOffset = 0;
  #wallFrom = -Infinity;

  constructor(private readonly clock: Clock, private readonly redaction: Redaction) {}

  /** A reader has come. */
  add(reader: StreamReader, hello: object): void {
    this.#readers.add(reader);
    this.on = true;
    this.#look();
    this.#putJson(reader, FrameKind.HELLO, 0, hello);
    this.sendAt = this.#now;
  }

  #remove(reader: StreamReader): void {
    this.#readers.delete(reader);
    this.on = this.#readers.size > 0;
    if (this.on) return;
    this.sendAt = Infinity;
    this.#isHandling = this.#isLost = false;
    this.#pending.clear();
  }

  /** The host's clock may be set: the difference is good for a second. */
  #look(): void {
    const now = this.#now = this.clock.now();
    if (now - this.#wallFrom < STREAM_WALL_MS) return;
    this.#wallOffset = this.clock.wall() / 1_000 - now;
    this.#wallFrom = now;
  }

  /** A request, read at `readAt`, is about to be handled. */
  request(connection: Connection, header: Header, payload: Uint8Array, readAt: number): void {
    const { reqId, txId, type } = header;
    this.#isLost = this.#isAllLost();
    if (this.#isLost) return;
    this.#look();
    const begun = this.#pending.take(connection, type, reqId);
    const call = this.#call;
    call.connection = connection;
    call.type = type;
    call.reqId = reqId;
    call.txId = txId;
    call.payload = payload;
    call.number = begun?.number ?? this.#nextNumber();
    call.readAt = begun?.readAt ?? (readAt > 0 ? readAt : this.#now);
    call.handledAt = begun?.handledAt ?? this.#now;
    this.#isHandling = true;
  }

  #isAllLost(): boolean {
    for (const reader of this.#readers) if (!reader.onlyLoses) return false;
    return true;
  }

  #loseOne(): void {
    for (const reader of this.#readers) reader.queue.lose();
  }

  /** They begin with 1, and do again after 2^32. */
  #nextNumber(): number {
    return this.#numberLast = this.#numberLast === 0xffff_ffff ? 1 : this.#numberLast + 1;
  }

  /** It was handled: unless it was answered, its reply is to come later. */
  handled(): void {
    if (this.#isHandling) this.#pending.add(this.#call);
    this.#isHandling = this.#isLost = false;
  }

  /** A reply, to the call that is being handled or to one before. */
  reply(connection: Connection, type: number, reqId: number, payload: Uint8Array): void {
    if (this.#isLost) {
      this.#isLost = false;
      return this.#loseOne();
    }
    const current = this.#call;
    const isCurrent = this.#isHandling && current.connection === connection &&
      current.reqId === reqId;
    const call = isCurrent ? current : this.#pending.answer(connection, reqId);
    if (isCurrent) this.#isHandling = false;
    if (call === null) return;
    this.#look();
    this.#tellCall(call, type, payload);
  }

  #tellCall(call: CallBegun, replyType: number, reply: Uint8Array): void {
    const { handledAt, payload, readAt, type } = call, connection = call.connection!;
    const waitedUs = microseconds(handledAt - readAt);
    const tookUs = microseconds(this.#now - handledAt);
    const isError = replyType === MessageType.ERROR;
    const size = FRAME_HEADER_BYTES + 2 * HEADER_SIZE + payload.length + reply.length;
    let isEncoded = false;
    for (const reader of this.#readers) {
      if (!reader.wants(connection)) continue;
      const us = waitedUs + tookUs;
      if (!reader.filter.wantsCall(connection.home, type, payload, isError, us)) continue;
      if (!this.#introduce(reader, connection) || !this.#hasRoom(reader, size)) continue;
      if (!isEncoded) {
        const flags = this.#encodeCall(call, replyType, reply, isError);
        const at = readAt + this.#wallOffset;
        const { number } = call, { id } = connection, kind = FrameKind.CALL;
        putFrameHead(frame, size, { kind, flags, number, connection: id, at, waitedUs, tookUs });
        isEncoded = true;
      }
      this.#put(reader, frame, size);
    }
  }

  /** The two messages, without what is hidden. Returns the frame's flags, which say so. */
  #encodeCall(call: CallBegun, replyType: number, reply: Uint8Array, isError: boolean): number {
    const { payload, reqId, txId, type } = call, { domid } = call.connection!;
    const { reply: isHidden, requestFrom } = hiddenParts(this.redaction, domid, type, payload);
    let flags = 0;
    const replyFrom = putMessage(FRAME_HEADER_BYTES, type, reqId, txId, payload);
    if (requestFrom >= 0) {
      frame.fill(HIDDEN_BYTE, replyFrom - payload.length + requestFrom, replyFrom);
      flags |= HIDDEN_REQUEST;
    }
    const end = putMessage(replyFrom, replyType, reqId, txId, reply);
    if (!isHidden || isError) return flags;
    frame.fill(HIDDEN_BYTE, end - reply.length, end);
    return flags | HIDDEN_REPLY;
  }

  /** An event was queued for a client. */
  event(connection: Connection, path: string, token: string): void {
    if (this.#isAllLost()) return this.#loseOne();
    this.#look();
    const length = path.length + token.length + 2;
    const size = FRAME_HEADER_BYTES + HEADER_SIZE + length;
    let isEncoded = false;
    for (const reader of this.#readers) {
      if (!reader.wants(connection)) continue;
      if (!reader.filter.wantsEvent(connection.home, path)) continue;
      if (!this.#introduce(reader, connection) || !this.#hasRoom(reader, size)) continue;
      if (!isEncoded) {
        const number = this.#isHandling ? this.#call.number : 0;
        this.#putHead(frame, size, FrameKind.EVENT, connection.id, number);
        encodeHeader(frame, FRAME_HEADER_BYTES, MessageType.WATCH_EVENT, 0, 0, length);
        const pathEnd = putText(frame, FRAME_HEADER_BYTES + HEADER_SIZE, path);
        frame[pathEnd] = 0;
        frame[putText(frame, pathEnd + 1, token)] = 0;
        isEncoded = true;
      }
      this.#put(reader, frame, size);
    }
  }

  /** A client has ended. */
  closed(connection: Connection): void {
    this.#pending.forget(connection);
    if (this.#call.connection === connection) this.#isHandling = false;
    this.#look();
    const size = FRAME_HEADER_BYTES;
    for (const reader of this.#readers) {
      if (!reader.forget(connection) || !this.#hasRoom(reader, size)) continue;
      this.#putHead(frame, size, FrameKind.CLOSED, connection.id, 0);
      this.#put(reader, frame, size);
    }
  }

  /** Sends what has waited long enough at `now`. */
  send(now: number): void {
    if (now < this.sendAt) return;
    this.sendAt = Infinity;
    for (const reader of this.#readers) {
      if (!reader.send(now + this.#wallOffset)) this.#end(reader);
    }
  }

  /** A reader's descriptor has news: it has room, or the reader is gone. */
  look(reader: StreamReader, hasRoom: boolean): void {
    this.#look();
    if (!reader.look(hasRoom, this.#now + this.#wallOffset)) this.#end(reader);
  }

  #end(reader: StreamReader): void {
    this.end(reader);
    this.onGone(reader);
  }

  /** Ends a reader. */
  end(reader: StreamReader): void {
    this.#remove(reader);
    reader.close();
  }

  /** Tells a reader who a client is, once; false when there is no room even for that. */
  #introduce(reader: StreamReader, connection: Connection): boolean {
    if (reader.knows(connection)) return true;
    const info = this.#infoOf(connection);
    if (!this.#putJson(reader, FrameKind.CONNECTION, connection.id, info)) return false;
    reader.introduced(connection);
    return true;
  }

  #infoOf({ domid, home, kind, label, process }: Connection): StreamClientInfo {
    const name = this.root === null ? null : nameIn(this.root(), home);
    const client = kind === "socket" ? process : null;
    const command = commandAlone(client), pid = client?.author.pid ?? null;
    return { kind, domid, label, name, pid, command };
  }

  /** In a frame of its own: this one may hold what several readers get. */
  #putJson(reader: StreamReader, kind: FrameKind, connection: number, object: object): boolean {
    const body = encoder.encode(jsonLine(object));
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length);
    if (!this.#hasRoom(reader, bytes.length)) return false;
    this.#putHead(bytes, bytes.length, kind, connection, 0);
    bytes.set(body, FRAME_HEADER_BYTES);
    this.#put(reader, bytes, bytes.length);
    return true;
  }

  #putHead(
    into: Uint8Array,
    size: number,
    kind: FrameKind,
    connection: number,
    number: number,
  ): void {
    const at = this.#now + this.#wallOffset;
    putFrameHead(into, size, { kind, flags: 0, number, connection, at, waitedUs: 0, tookUs: 0 });
  }

  #hasRoom(reader: StreamReader, size: number): boolean {
    return reader.queue.hasRoom(size, this.#now + this.#wallOffset);
  }

  #put(reader: StreamReader, bytes: Uint8Array, size: number): void {
    reader.queue.add(bytes, size);
    if (reader.queue.length >= STREAM_SEND_BYTES) this.sendAt = this.#now;
    else if (this.sendAt === Infinity) this.sendAt = this.#now + STREAM_DELAY_MS;
  }
}

function microseconds(ms: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.round(ms * 1_000)));
}

/** Puts a message into the frame at `at`; returns where it ends. */
function putMessage(
  at: number,
  type: number,
  reqId: number,
  txId: number,
  payload: Uint8Array,
): number {
  encodeHeader(frame, at, type, reqId, txId, payload.length);
  frame.set(payload, at + HEADER_SIZE);
  return at + HEADER_SIZE + payload.length;
}
