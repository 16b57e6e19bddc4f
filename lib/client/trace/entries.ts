import { decodeHeader, emptyHeader, HEADER_SIZE } from "../../wire/header.ts";
import { clientIn } from "../../wire/frame_decoder.ts";
import {
  type Frame,
  FrameKind,
  HIDDEN_REPLY,
  HIDDEN_REQUEST,
  type StreamClientInfo,
} from "../../wire/stream_frame.ts";

/** A client whose messages are traced. */
export interface TracedClient extends StreamClientInfo {
  /** The number of its connection. */
  readonly id: number;
}

/** One message as it was on the wire. */
export interface TracedMessage {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly payload: Uint8Array;
  /** The value in it is not there: as many `*` stand for it. */
  readonly hidden: boolean;
}

/** A request with its reply. */
export interface TracedCall {
  readonly kind: "call";
  /** When the daemon read the request, in ms since 1970. */
  readonly at: number;
  readonly client: TracedClient;
  /** Counts the calls of the daemon. */
  readonly number: number;
  readonly request: TracedMessage;
  readonly reply: TracedMessage;
  /** How long the request waited before it was handled, and was handled. */
  readonly waitedUs: number;
  readonly tookUs: number;
}

/** A watch event that was queued for a client. */
export interface TracedEvent {
  readonly kind: "event";
  readonly at: number;
  readonly client: TracedClient;
  /** The number of the call that caused it; 0 for none. */
  readonly cause: number;
  readonly message: TracedMessage;
}

/** What a trace shows. */
export type TraceEntry =
  | TracedCall
  | TracedEvent
  | { readonly kind: "closed"; readonly at: number; readonly client: TracedClient }
  | { readonly kind: "lost"; readonly at: number; readonly count: number };

const UNKNOWN: StreamClientInfo = {
  kind: "socket",
  domid: 0,
  label: "unknown client",
  name: null,
  pid: null,
  command: null,
};

/**
 * Makes entries of frames, in the order in which things happened: the events that a call causes come before it
 * in the stream, and behind it here.
 */
export class TraceDecoder {
  readonly #clients = new Map<number, TracedClient>();
  /** Events whose call has not come yet. */
  #early: TracedEvent[] = [];

  /** The entries that are whole with `frames`. */
  add(frames: readonly Frame[]): TraceEntry[] {
    const entries: TraceEntry[] = [];
    for (const frame of frames) this.#addOne(frame, entries);
    return entries;
  }

  /** Events whose call has not come, and perhaps is not wanted. */
  rest(): TraceEntry[] {
    const rest = this.#early;
    this.#early = [];
    return rest;
  }

  #addOne(frame: Frame, entries: TraceEntry[]): void {
    const { at, connection, kind, number } = frame;
    if (kind === FrameKind.CONNECTION) {
      this.#clients.set(connection, { ...clientIn(frame.body) ?? UNKNOWN, id: connection });
    } else if (kind === FrameKind.CALL) {
      const call = this.#call(frame);
      const isBefore = ({ cause }: TracedEvent): boolean => cause === 0 || cause < call.number;
      entries.push(...this.#early.filter(isBefore), call);
      entries.push(...this.#early.filter((event) => !isBefore(event)));
      this.#early = [];
    } else if (kind === FrameKind.EVENT) {
      const message = messages(frame)[0]!;
      const event = { at, client: this.#client(connection), cause: number, message };
      if (number === 0) entries.push(...this.rest(), { kind: "event", ...event });
      else this.#early.push({ kind: "event", ...event });
    } else if (kind === FrameKind.CLOSED) {
      entries.push(...this.rest(), { kind: "closed", at, client: this.#client(connection) });
      this.#clients.delete(connection);
    } else if (kind === FrameKind.LOST) {
      entries.push(...this.rest(), { kind: "lost", at, count: number });
    }
  }

  #client(id: number): TracedClient {
    return this.#clients.get(id) ?? { ...UNKNOWN, id };
  }

  #call(frame: Frame): TracedCall {
    const { at, number, tookUs, waitedUs } = frame;
    const [request, reply] = messages(frame);
    const client = this.#client(frame.connection);
    return { kind: "call", at, client, number, request: request!, reply: reply!, waitedUs, tookUs };
  }
}

/** The messages of a frame, which its decoder has checked. */
function messages({ body, flags }: Frame): TracedMessage[] {
  const found: TracedMessage[] = [];
  for (let at = 0; at < body.length;) {
    const { len, reqId, txId, type } = decodeHeader(body, at, emptyHeader());
    const end = at + HEADER_SIZE + len;
    const hidden = (flags & (found.length === 0 ? HIDDEN_REQUEST : HIDDEN_REPLY)) !== 0;
    found.push({ type, reqId, txId, payload: body.subarray(at + HEADER_SIZE, end), hidden });
    at = end;
  }
  return found;
}
