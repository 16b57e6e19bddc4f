import { LATE_READ_MS, REPLY_BYTES_MAX } from "../limits.ts";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import {
  decodeHeader,
  emptyHeader,
  encodeMessage,
  HEADER_SIZE,
  PAYLOAD_MAX,
} from "../wire/header.ts";
import { MessageType, messageTypeName } from "../wire/message_type.ts";
import { splitStrings } from "../wire/payload.ts";
import { isSystemError } from "../wire/system_error.ts";
import { joinBytes, toText } from "../wire/text.ts";
import { formatDuration } from "../wire/duration.ts";
import { decodeErrorName, XenstoreError, type XenstoreErrorCode } from "./error.ts";
import { type Limits, watchLimits } from "./call.ts";
import type { ByteStream } from "./stream.ts";

/** What a request is about, for its error's text. */
export interface Subject {
  readonly operation: string;
  readonly path: string;
  /** Takes back what the daemon did for a request that was given up: gets the late reply. */
  readonly late?: (payload: Uint8Array) => void;
}

/** What a lost connection means, whatever the operating system calls it. */
const CLOSED = "the daemon closed the connection";

/** What else to say of a change whose reply did not come. */
const UNCERTAIN = "the change may still take effect";

/** `T`, with which TRANSACTION_END commits. */
const COMMIT = 0x54;

/** Requests that change nothing that outlives the connection. */
const HARMLESS: ReadonlySet<number> = new Set([
  MessageType.DIRECTORY,
  MessageType.DIRECTORY_PART,
  MessageType.READ,
  MessageType.GET_PERMS,
  MessageType.WATCH,
  MessageType.UNWATCH,
  MessageType.RESET_WATCHES,
  MessageType.TRANSACTION_START,
  MessageType.GET_DOMAIN_PATH,
  MessageType.IS_DOMAIN_INTRODUCED,
  MessageType.GET_FEATURE,
  MessageType.GET_QUOTA,
]);

/** The same of CONTROL: commands that show something, or whose effect ends with the connection. */
const HARMLESS_CONTROL =
  /^(?:archive|check|domains|dump|errors|help|history\0(?:end|query|read)|quota(?:-soft)?(?!\0(?:set|max\0-r)\0)|ring|status|stream|who)\0/;

interface Pending extends Pick<Subject, "operation" | "path"> {
  readonly type: number;
  /** Whether the daemon may carry it out although its reply does not come. */
  readonly mayTakeEffect: boolean;
  readonly reqId: number;
  resolve(payload: Uint8Array): void;
  reject(error: unknown): void;
}

/** How a session behaves. */
export interface SessionOptions {
  /** How long requests wait while the daemon sends nothing at all, in ms; without it, for ever. */
  readonly timeout?: number | undefined;
  /** What tells the time: this machine's clock by default. */
  readonly clock?: Clock;
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
  readonly #timeout: number | null;
  readonly clock: Clock;
  /** Wakes the session to look whether the time is over; null while nothing waits. */
  #alarm: Timer | null = null;
  /** When the daemon last sent something, or began to owe an answer. */
  #heardAt = 0;
  /** When the alarm is due. */
  #alarmAt = 0;
  /** What was last heard when this process was late to look; null while it was not. */
  #lateSince: number | null = null;

  /** @param name what the stream leads to, for errors: normally the socket's path. */
  constructor(stream: ByteStream, name: string, options: SessionOptions = {}) {
    this.#stream = stream;
    this.#name = name;
    const { clock = systemClock, timeout = Infinity } = options;
    this.clock = clock;
    this.#timeout = Number.isFinite(timeout) ? timeout : null;
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
   * @throws {XenstoreError} with the daemon's code; E2BIG, unsent, for more than 4096 bytes;
   *   ETIMEDOUT or ECONNRESET, with which the session ends; ETIMEDOUT by `limits`, after which the
   *   session goes on, or the reason of the signal.
   */
  request(
    type: number,
    txId: number,
    payload: Uint8Array,
    subject: Subject,
    limits?: Limits,
  ): Promise<Uint8Array> {
    const { operation, path } = subject;
    return new Promise((resolve, reject) => {
      if (limits?.signal?.aborted === true) {
        reject(limits.signal.reason);
      } else if (this.#ended !== null) {
        const { code, detail } = this.#ended;
        reject(new XenstoreError(code, operation, path, detail));
      } else if (payload.length > PAYLOAD_MAX) {
        const detail = `${payload.length} bytes are too long for one message of ${PAYLOAD_MAX}`;
        reject(new XenstoreError("E2BIG", operation, path, detail));
      } else {
        const reqId = this.#reqIdLast = (this.#reqIdLast + 1) >>> 0;
        const mayTakeEffect = canTakeEffect(type, txId, payload);
        if (this.#pending.length === 0) this.#startWaiting();
        const pending = { type, reqId, mayTakeEffect, operation, path, resolve, reject };
        this.#pending.push(pending);
        if (limits !== undefined) this.#limit(pending, subject, limits);
        this.#outgoing.push(encodeMessage(type, reqId, txId, payload));
        if (!this.#writing) this.#send().catch((error) => this.#fail(this.#lost(error)));
      }
    });
  }

  /** A request that is given up keeps its place: its reply comes, and counts for nothing. */
  #limit(pending: Pending, subject: Subject, limits: Limits): void {
    const { reject, resolve } = pending;
    const end = watchLimits(limits, this.clock, (reason) => {
      pending.resolve = subject.late ?? ((): void => {});
      pending.reject = (): void => {};
      reject(reason === null ? this.#expired(pending, limits.timeout!) : reason.abort);
    });
    pending.resolve = (payload): void => {
      end();
      resolve(payload);
    };
    pending.reject = (error): void => {
      end();
      reject(error);
    };
  }

  #expired({ mayTakeEffect, operation, path }: Pending, timeout: number): XenstoreError {
    const detail = `the daemon did not answer within ${formatDuration(timeout)}`;
    return lostError("ETIMEDOUT", operation, path, detail, mayTakeEffect);
  }

  /** A first request waits from now on, if there is a limit. */
  #startWaiting(): void {
    if (this.#timeout === null) return;
    this.#heardAt = this.clock.now();
    if (this.#alarm === null) this.#setAlarm(this.#timeout);
  }

  /** There is one alarm at a time, however many requests come and go until it rings. */
  #setAlarm(delay: number): void {
    this.#alarmAt = this.clock.now() + delay;
    this.#alarm = this.clock.alarm(delay, () => this.#expire());
  }

  /** What was heard since the alarm was set counts here. */
  #expire(): void {
    this.#alarm = null;
    if (this.#ended !== null || this.#pending.length === 0) return;
    const timeout = this.#timeout!, now = this.clock.now();
    const left = this.#heardAt + timeout - now;
    if (left > 0) return this.#setAlarm(left);
    // While this process did not run, for its own output was full or it was stopped, an answer may have come.
    if (now > this.#alarmAt && this.#lateSince !== this.#heardAt) {
      this.#lateSince = this.#heardAt;
      return this.#setAlarm(Math.min(timeout, LATE_READ_MS));
    }
    const detail = `the daemon did not answer within ${formatDuration(timeout)}`;
    this.#fail(new XenstoreError("ETIMEDOUT", "connection to", this.#name, detail));
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
        const chunks = this.#outgoing;
        const bytes = chunks.length === 1 ? chunks[0]! : joinBytes(chunks);
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
      if (read === null) throw new Error(CLOSED);
      if (this.#timeout !== null) this.#heardAt = this.clock.now();
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
      if (len > REPLY_BYTES_MAX) throw new Error(`the daemon announced a reply of ${len} bytes`);
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
      throw new Error(`the daemon sent a ${messageTypeName(type)} without a request`);
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
    // A reset, a broken pipe or an end of file: it is the same to a user.
    const text = isSystemError(cause) || !(cause instanceof Error) ? CLOSED : cause.message;
    return new XenstoreError("ECONNRESET", "connection to", this.#name, text);
  }

  #fail(error: XenstoreError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#stream.close();
    const pending = this.#pending;
    this.#pending = [];
    for (const { mayTakeEffect, operation, path, reject } of pending) {
      reject(lostError(error.code, operation, path, error.detail, mayTakeEffect));
    }
    for (const sink of [...this.#sinks]) sink.end(this.#closed ? null : error);
  }
}

/** The error of a request whose reply does not come. */
function lostError(
  code: XenstoreErrorCode,
  operation: string,
  path: string,
  detail: string,
  uncertain: boolean,
): XenstoreError {
  const text = uncertain ? `${detail}; ${UNCERTAIN}` : detail;
  return new XenstoreError(code, operation, path, text, uncertain);
}

/** Whether a request changes something that outlives the connection; in a transaction its commit does. */
function canTakeEffect(type: number, txId: number, payload: Uint8Array): boolean {
  if (type === MessageType.TRANSACTION_END) return payload[0] === COMMIT;
  if (type === MessageType.CONTROL && HARMLESS_CONTROL.test(toText(payload))) return false;
  return txId === 0 && !HARMLESS.has(type);
}
