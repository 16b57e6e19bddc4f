import type { Connection } from "../../engine/connection.ts";
import type { Handled } from "../../engine/engine.ts";
import type { Meter } from "../../engine/work_meter.ts";
import type { Header } from "../../wire/header.ts";
import type { OutstandingRequests } from "./outstanding_requests.ts";
import type { Trace } from "../logging/trace.ts";
import type { MessageStream } from "../stream/message_stream.ts";

/** What handles requests: the engine. */
export interface RequestHandler {
  /**
   * Answers one request through the connection's outbox, exactly once; or says that it has to wait
   * for something else: it is then offered again.
   */
  handle(connection: Connection, header: Header, payload: Uint8Array, now: number): Handled;
}

/** What a `Peer` needs of the turn it takes part in. */
export interface PeerHost<Peer> {
  readonly handler: RequestHandler;
  readonly trace: Trace;
  readonly stream: MessageStream;
  /** What the peer's work is counted by. */
  readonly meter: Meter;
  /** Units that a peer may take up in a step, but for the request that crosses them. */
  readonly unitsLeft: number;
  /** Unsent bytes beyond which a client of which the journal keeps them is not listened to. */
  readonly stallBytes: number;
  /** The requests of the guest of which one is being handled and not answered yet. */
  cause: OutstandingRequests | null;
  /** When the time is over of an event that is queued now; Infinity for never. */
  readonly eventDue: number;
  /** The peer has events unsent whose time will be over: it must be asked to {@link Peer.expire}. */
  expires(peer: Peer): void;
  /** Whether the request at `from`, which costs much, comes later: the peer must be stepped again. */
  defers(peer: Peer, header: Header, bytes: Uint8Array, from: number): boolean;
  /** Lets the peer be stepped in the next turn. */
  ready(peer: Peer): void;
  /** Lets the peer be flushed at the end of this turn. */
  unflushed(peer: Peer): void;
  /** The peer's next request has to wait: it must be {@link Peer.release}d. */
  postponed(peer: Peer): void;
  /** The peer is finished: its client closed, broke the protocol, or doesn't read. */
  gone(peer: Peer, reason: GoneReason): void;
  /** Something an operator should know. */
  warn(peer: Peer, text: string): void;
  /** The handler threw: a defect of ours, which must not reach the other clients. */
  failed(peer: Peer, error: unknown): void;
}

/** What a connection has buffered, on its way from one process to the next. */
export interface InFlight {
  /** Requests that were not handled, the last of which may not be whole. */
  readonly input: Uint8Array;
  /** Bytes owed to the client. */
  readonly output: Uint8Array;
  /** How many of them, at the start, are the rest of a message that was sent in part. */
  readonly partialResponse: number;
  /** The client broke the protocol and is not listened to. */
  readonly ignored: boolean;
}

/** Why a peer is finished. */
export type GoneReason = "closed" | "oversize" | "overflow" | "failed" | "left";
