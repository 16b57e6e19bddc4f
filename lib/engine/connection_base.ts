import type { HeldSocket } from "../state/records.ts";
import type { Account } from "./accounts.ts";
import type { ClientProcess, RingAuthor } from "./author.ts";
import { Kind } from "./dirty.ts";
import { Share } from "./work_meter.ts";
import type { Quotas } from "./quotas.ts";
import type { RefusedCommits } from "./refused_commits.ts";
import type { WriterWait } from "./writer_wait.ts";

/**
 * Where a connection's messages go. The engine calls it in the order in which the client must
 * see them: a request's events before its reply, except WATCH, whose first event follows its
 * reply. Nothing may leave the process before the turn is committed.
 */
export interface Outbox {
  /** The one reply to a request. `payload` is only valid during the call: copy it. */
  reply(type: number, reqId: number, txId: number, payload: Uint8Array): void;
  /** A WATCH_EVENT. `path` and `token` have one character a byte. */
  event(path: string, token: string): void;
  /**
   * Tells of each message that has not left and is the reply to a guest's request, or an event that
   * it caused: whose request that is, and, if others may belong to the same, an object for it.
   */
  outstanding?(tell: (connection: ConnectionBase, request: object | null) => void): void;
  /** Bytes that the client has not taken yet. */
  readonly unsent?: number;
  /** What can be seen of the client's ring; null where it has none. */
  lookAtRing?(): RingLook | null;
}

/** A domain's ring at one moment. */
export interface RingLook {
  /** A copy of the page, as far as it means something (lib/transport/ring_page.ts): guests' data. */
  readonly page: Uint8Array;
  /** Bytes of requests that were taken from the ring and not handled. */
  readonly unhandled: Uint8Array;
  /** Bytes of answers and events that have not been put into the ring. */
  readonly unsent: number;
  /** Requests are not read until the guest has taken answers. */
  readonly stalled: boolean;
  /** A request waits for what others do. */
  readonly waits: boolean;
  /** The guest broke the protocol: nothing is read or written until it is introduced again. */
  readonly ignored: boolean;
}

/** How a connection reached us. */
export type ConnectionKind = "socket" | "ring";

/** What {@link Engine.connect} needs to know. */
export interface ConnectionSpec {
  readonly kind: ConnectionKind;
  /** The domain the client speaks for; a socket's is the store domain (normally 0). */
  readonly domid: number;
  /** For logs, such as `socket 7 (pid 1234 xl)`. */
  readonly label: string;
  readonly outbox: Outbox;
  /** See {@link ConnectionBase.key}; a connection that ends with this process has none. */
  readonly key?: number;
  /** Who is behind a socket, where that can be found out. */
  readonly process?: ClientProcess;
  /** It may only look: what would change something answers EROFS. */
  readonly readOnly?: boolean;
}

/** What a connection that outlives the process is known by; one that was lost with the last is not open. */
export interface KeyedConnection extends HeldSocket {
  readonly open?: boolean;
}

/** Sockets' connections that outlive the process: they came, or have ended. */
export const CONNECTION: Kind<KeyedConnection> = new Kind({ isNew: ({ open }) => open === true });

/** What is known of one client, but for what it holds. */
export abstract class ConnectionBase {
  readonly kind: ConnectionKind;
  readonly domid: number;
  /**
   * What the journal knows it by, which outlives the process: the domid of a ring, a number above
   * all domids of a held socket, -1 of a connection that ends with this process.
   */
  readonly key: number;
  /** Kept by the nodes this connection changed, which may outlive it. */
  readonly origin: { label: string; readonly guest?: number };
  outbox: Outbox;
  /** Who is behind it; null for a ring, or where nobody can tell. */
  readonly process: ClientProcess | null;
  /** Who does what a ring asks for; null until something was done. */
  author: RingAuthor | null = null;
  /** It may only look. */
  readonly readOnly: boolean;
  /** The account of its domain; null where no engine knows the connection. */
  account: Account | null = null;
  /** What its requests have cost: a socket's its own, a ring's that of its domain. */
  share: Share = new Share();
  /** The quotas of its domain, once that has the connection; null of a socket. */
  quotas: Quotas | null = null;
  /** False from the moment the engine dropped it: such a connection gets no message more. */
  open = true;
  /** Its commits that other guests' changes have refused; null for none. */
  refusals: RefusedCommits | null = null;
  /** How its changes have waited for others' transactions; null if none has. */
  wait: WriterWait | null = null;
  /** The id given to the latest transaction; ids count up from 1 for each connection. */
  transactionIdLast = 0;

  constructor(
    /** Rises with each connection: the order in which watchers hear of a change. */
    readonly id: number,
    /** All rights, no quota: the privileged domain and, with it, the sockets. */
    readonly privileged: boolean,
    /** What relative paths are put behind: `/local/domain/<domid>/`. */
    readonly home: string,
    spec: ConnectionSpec,
  ) {
    this.kind = spec.kind;
    this.domid = spec.domid;
    this.key = spec.key ?? -1;
    this.origin = privileged ? { label: spec.label } : { label: spec.label, guest: spec.domid };
    this.outbox = spec.outbox;
    this.process = spec.process ?? null;
    this.readOnly = spec.readOnly ?? false;
  }

  /** For logs, such as `socket 7 (pid 1234 xl)`. */
  get label(): string {
    return this.origin.label;
  }
}
