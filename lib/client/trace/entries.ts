import { AUTHOR_TEXT_MAX, STREAM_QUEUE_BYTES } from "../../limits.ts";
import { decodeHeader, emptyHeader, HEADER_SIZE } from "../../wire/header.ts";
import { clientIn } from "../../wire/frame_decoder.ts";
import {
  type Frame,
  FRAME_HEADER_BYTES,
  FrameKind,
  HIDDEN_REPLY,
  HIDDEN_REQUEST,
  type StreamClientInfo,
} from "../../wire/stream_frame.ts";
import { ClientTable } from "./client_table.ts";

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
 * in the stream, and behind it here. A recording may have any frames, so all that is kept of them is bounded.
 */
export class TraceDecoder {
  readonly #clients = new ClientTable<TracedClient>();
  /** Events that wait for their call, and the bytes of their frames. */
  #early: TracedEvent[] = [];
  #earlyBytes = 0;

  /** The entries that are whole with `frames`. */
  add(frames: readonly Frame[]): TraceEntry[] {
    const entries: TraceEntry[] = [];
    for (const frame of frames) this.#addOne(frame, entries);
    return entries;
  }

  /** Events whose call has not come, and perhaps is not wanted. */
  rest(): TracedEvent[] {
    const rest = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    return rest;
  }

  #addOne(frame: Frame, entries: TraceEntry[]): void {
    const { at, connection, kind, number } = frame;
    if (kind === FrameKind.CONNECTION) {
      this.#clients.set(connection, { ...shortened(clientIn(frame.body)), id: connection });
    } else if (kind === FrameKind.CALL) {
      const call = this.#call(frame);
      const isBefore = ({ cause }: TracedEvent): boolean => cause === 0 || cause < call.number;
      const early = this.rest();
      append(entries, early.filter(isBefore));
      entries.push(call);
      append(entries, early.filter((event) => !isBefore(event)));
    } else if (kind === FrameKind.EVENT) {
      const message = messages(frame)[0]!;
      const event = { at, client: this.#client(connection), cause: number, message };
      if (number === 0) {
        append(entries, this.rest());
        entries.push({ kind: "event", ...event });
      } else {
        this.#early.push({ kind: "event", ...event });
        this.#earlyBytes += FRAME_HEADER_BYTES + frame.body.length;
        // A daemon queues no more bytes for a reader, so the call of these events was lost.
        if (this.#earlyBytes > STREAM_QUEUE_BYTES) append(entries, this.rest());
      }
    } else if (kind === FrameKind.CLOSED) {
      append(entries, this.rest());
      entries.push({ kind: "closed", at, client: this.#client(connection) });
      this.#clients.delete(connection);
    } else if (kind === FrameKind.LOST) {
      append(entries, this.rest());
      entries.push({ kind: "lost", at, count: number });
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

/** Appends one at a time: `push(...)` fails with some ten thousand arguments. */
function append(entries: TraceEntry[], more: readonly TraceEntry[]): void {
  for (const entry of more) entries.push(entry);
}

/** A client with its texts cut to the length that a daemon sends. */
function shortened(client: StreamClientInfo | null): StreamClientInfo {
  if (client === null) return UNKNOWN;
  const cut = (text: string | null): string | null => text?.slice(0, AUTHOR_TEXT_MAX) ?? null;
  const { command, label, name } = client;
  return {
    ...client,
    label: label.slice(0, AUTHOR_TEXT_MAX),
    name: cut(name),
    command: cut(command),
  };
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
