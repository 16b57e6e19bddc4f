import {
  decodeHeader,
  emptyHeader,
  encodeMessage,
  HEADER_SIZE,
  PAYLOAD_MAX,
} from "../wire/header.ts";
import { MessageType, messageTypeName } from "../wire/message_type.ts";
import { splitStrings } from "../wire/payload.ts";
import { toText } from "../wire/text.ts";
import { decodeErrorName, XenstoreError } from "./error.ts";
import type { ByteStream } from "./stream.ts";

/**
 * Most bytes of a reply that is taken. The protocol's limit is 4096, but oxenstored sends longer
 * listings over sockets, and they can be read; a length beyond this is noise.
 */
const REPLY_MAX = 1 << 20;

/** What a request is about, for its error's text. */
export interface Subject {
  readonly operation: string;
  readonly path: string;
}

interface Pending extends Subject {
  readonly type: number;
  readonly reqId: number;
  resolve(payload: Uint8Array): void;
  reject(error: XenstoreError): void;
}

/** Hears of watch events. Paths and tokens have one character a byte. */
export interface EventSink {
  event(path: string, token: string): void;
  /** No event will follow; `error` is null when the session was closed on purpose. */
  end(error: XenstoreError | null): void;
}

/**
 * Requests and replies over one stream. Any number of requests may be in flight: replies come in
 * the order of the requests (the only order libxenstore understands), and each one's request id
 * is checked as well.
 */
export class Session {
  readonly #stream: ByteStream;
  readonly #name: string;
  readonly #sinks = new Set<EventSink>();
  #pending: Pending[] = [];
  #reqIdLast = 0;
  #outgoing: Uint8Array[] = [];
  #writing = false;
  #ended: XenstoreError | null = null;
  #closed = false;

  /** @param name what the stream leads to, for errors: normally the socket's path. */
  constructor(stream: ByteStream, name: string) {
    this.#stream = stream;
    this.#name = name;
    this.#receive().catch((error) => this.#fail(this.#lost(error)));
  }

  /** Whether requests can still be made. */
  get open(): boolean {
    return this.#ended === null;
  }

  /** Starts to tell `sink` of events. */
  listen(sink: EventSink): void {
    this.#sinks.add(sink);
    if (this.#ended !== null) sink.end(this.#ended);
  }

  /** Stops telling `sink`. */
  unlisten(sink: EventSink): void {
    this.#sinks.delete(sink);
  }

  /**
   * Sends a request and waits for its reply's payload.
   *
   * @throws {XenstoreError} with the daemon's code; E2BIG, unsent, for more than 4096 bytes.
   */
  request(
    type: number,
    txId: number,
    payload: Uint8Array,
    subject: Subject,
  ): Promise<Uint8Array> {
    const { operation, path } = subject;
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        const { code, message } = this.#ended;
        reject(new XenstoreError(code, operation, path, message));
      } else if (payload.length > PAYLOAD_MAX) {
        const detail = `${payload.length} bytes are more than the ${PAYLOAD_MAX} of one message`;
        reject(new XenstoreError("E2BIG", operation, path, detail));
      } else {
        const reqId = this.#reqIdLast = (this.#reqIdLast + 1) >>> 0;
        this.#pending.push({ type, reqId, operation, path, resolve, reject });
        this.#outgoing.push(encodeMessage(type, reqId, txId, payload));
        if (!this.#writing) this.#send().catch((error) => this.#fail(this.#lost(error)));
      }
    });
  }

  /** Ends all that listen to events, as after RESET_WATCHES; the session goes on. */
  endSinks(): void {
    for (const sink of [...this.#sinks]) sink.end(null);
  }

  /** Ends the session: what is pending is rejected, watches end. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fail(new XenstoreError("ECONNRESET", "session", this.#name, "closed by this client"));
  }

  async #send(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#outgoing.length > 0) {
        const bytes = joinBytes(this.#outgoing);
        this.#outgoing = [];
        for (let at = 0; at < bytes.length;) {
          at += await this.#stream.write(bytes.subarray(at));
        }
      }
    } finally {
      this.#writing = false;
    }
  }

  async #receive(): Promise<void> {
    let buffer = new Uint8Array(16 * 1024);
    let filled = 0;
    for (;;) {
      const read = await this.#stream.read(buffer.subarray(filled));
      if (this.#ended !== null) return;
      if (read === null) throw new Error("the daemon closed the connection");
      filled += read;
      const used = this.#takeMessages(buffer, filled);
      buffer.copyWithin(0, used, filled);
      filled -= used;
      if (filled === buffer.length) {
        const larger = new Uint8Array(2 * buffer.length);
        larger.set(buffer);
        buffer = larger;
      }
    }
  }

  /** Takes the whole messages of `buffer`; returns how many bytes they were. */
  #takeMessages(buffer: Uint8Array, filled: number): number {
    const header = emptyHeader();
    let at = 0;
    while (filled - at >= HEADER_SIZE) {
      decodeHeader(buffer, at, header);
      const { type, reqId, len } = header;
      if (len > REPLY_MAX) throw new Error(`the daemon announced a reply of ${len} bytes`);
      const end = at + HEADER_SIZE + len;
      if (end > filled) break;
      const payload = buffer.slice(at + HEADER_SIZE, end);
      if (type === MessageType.WATCH_EVENT) this.#event(payload);
      else this.#reply(type, reqId, payload);
      at = end;
    }
    return at;
  }

  #event(payload: Uint8Array): void {
    const [path, token] = splitStrings(payload);
    if (path === undefined || token === undefined) throw new Error("a watch event lacks a string");
    for (const sink of [...this.#sinks]) sink.event(path, token);
  }

  #reply(type: number, reqId: number, payload: Uint8Array): void {
    const pending = this.#pending[0];
    if (pending === undefined) {
      throw new Error(`the daemon sent a ${messageTypeName(type)} that nobody asked for`);
    }
    const matches = type === pending.type || type === MessageType.ERROR;
    if (!matches || reqId !== pending.reqId) {
      throw new Error(
        `the daemon answered ${messageTypeName(type)} ${reqId}` +
          ` to request ${messageTypeName(pending.type)} ${pending.reqId}`,
      );
    }
    this.#pending.shift();
    if (type !== MessageType.ERROR) return pending.resolve(payload);
    const nul = payload.indexOf(0);
    const code = decodeErrorName(toText(payload, 0, nul < 0 ? payload.length : nul));
    pending.reject(new XenstoreError(code, pending.operation, pending.path));
  }

  #lost(cause: unknown): XenstoreError {
    const text = cause instanceof Error ? cause.message : String(cause);
    return new XenstoreError("ECONNRESET", "connection to", this.#name, text);
  }

  #fail(error: XenstoreError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#stream.close();
    const pending = this.#pending;
    this.#pending = [];
    for (const { operation, path, reject } of pending) {
      reject(new XenstoreError(error.code, operation, path, error.message));
    }
    for (const sink of [...this.#sinks]) sink.end(this.#closed ? null : error);
  }
}

function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const first = chunks[0];
  if (first !== undefined && chunks.length === 1) return first;
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
