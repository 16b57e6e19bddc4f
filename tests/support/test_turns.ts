/**
 * A turn without an engine: an echo that answers READ with its payload and obeys a few made-up
 * types, so that tests see the shell alone.
 */
import { type Connection, Connection as EngineConnection } from "../../lib/engine/connection.ts";
import { Counters } from "../../lib/engine/counters.ts";
import { Meter } from "../../lib/engine/work_meter.ts";
import type { Handled } from "../../lib/engine/engine.ts";
import type { Journal } from "../../lib/journal/journal.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import type { GoneReason } from "../../lib/server/peer/peer_host.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { type TurnHandler, Turns } from "../../lib/server/scheduler.ts";
import { MEMORY_PIPE_BYTES, MemoryTransport } from "./memory_transport.ts";
import type { Header } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { StreamClient } from "./stream_client.ts";

/** The far end of a client's stream. */
export class TestClient extends StreamClient<MemoryTransport> {
  constructor(readonly peer: Peer, end: MemoryTransport) {
    super(end);
  }

  /** Whether the server has hung up and everything it sent has been received. */
  get hungUp(): boolean {
    const one = new Uint8Array(1);
    return this.end.read(one, 0, 1) < 0;
  }

  close(): void {
    this.end.close();
  }
}

/** A journal whose commits a test can let fail. */
export class TestJournal implements Journal {
  readonly rider = null;
  readonly redaction = new Redaction();
  readonly about = null;
  readonly dirty = null;
  readonly keepsRings = false;
  syncs = false;
  readonly full = false;
  isBehind = false;
  readonly maintainAt = Infinity;
  readonly pendingBytes = 0;
  readonly handedTo = null;
  readonly before = "end";
  readonly lastTurnAt = null;
  recover(): null {
    return null;
  }
  begin(): void {}
  stage(): void {}
  adoptStaged(): void {}
  endStaging(): void {}
  settle(): void {}
  dropSpare(): void {}
  forgetRiding(): Iterable<void> {
    return [];
  }
  handOver(): void {}
  ring(): void {}
  maintain(): boolean {
    return false;
  }

  commits = 0;
  works = true;

  commit(): boolean {
    if (this.works) this.commits++;
    return this.works;
  }

  close(): void {}
}

/** Turns, clients and the echo. */
export class TestTurns implements TurnHandler {
  readonly meter = new Meter();
  readonly counters = new Counters();
  readonly journal = new TestJournal();
  readonly history = { isBehind: false, maintainAt: Infinity, maintain: () => false };
  readonly log: string[] = [];
  readonly gone: [label: string, reason: GoneReason][] = [];
  /** The requests handled so far: who sent it, and its request id. */
  readonly handled: [label: string, reqId: number][] = [];
  readonly clients: TestClient[] = [];
  readonly turns: Turns;
  /** What the echo does with a request, instead of sending its payload back. */
  onRequest: ((connection: Connection, header: Header, payload: Uint8Array) => void) | null = null;

  constructor() {
    const log = (level: string, text: string): void => void this.log.push(`${level}: ${text}`);
    this.turns = new Turns(this, this.journal, new Trace(), log, this.history);
    this.turns.onGone = (peer, reason) => {
      this.gone.push([peer.connection.label, reason]);
      if (peer.kind === "socket") peer.close();
    };
  }

  /** What {@link estimate} says of all requests. */
  estimated = 0;
  due = false;
  holding = false;

  handle(connection: Connection, header: Header, payload: Uint8Array): Handled {
    if (this.holding) return "held";
    this.handled.push([connection.label, header.reqId]);
    if (this.onRequest !== null) this.onRequest(connection, header, payload);
    else connection.outbox.reply(header.type, header.reqId, header.txId, payload);
    return "done";
  }

  wakeAt = Infinity;

  estimate: TurnHandler["estimate"] = () => this.estimated;

  tick(): boolean {
    this.due = false;
    return !this.holding;
  }

  domainsChanged(): void {}

  /**
   * A client, labelled `client 1` and so on, with streams of `capacity` bytes each way; an
   * unprivileged one is like a guest.
   */
  connect(capacity = MEMORY_PIPE_BYTES, privileged = true): TestClient {
    const [near, far] = MemoryTransport.pair(capacity);
    const id = this.clients.length + 1;
    const peer = new Peer("socket", id, near, this.turns);
    near.onChange = () => this.turns.ready(peer);
    peer.connection = new EngineConnection(id, privileged, "/local/domain/0", {
      kind: "socket",
      domid: 0,
      label: `client ${id}`,
      outbox: peer,
    });
    const client = new TestClient(peer, far);
    this.clients.push(client);
    return client;
  }

  /** When the first of several turns is, in ms. */
  now = 0;

  /** Turns `count` times. */
  turn(count = 1): void {
    for (let i = 0; i < count; i++) this.turns.turn(this.now + i);
  }

  /** Turns until nothing is left to do; returns how many turns that took. */
  settle(most = 10_000): number {
    for (let count = 0; count < most; count++) {
      if (!this.turns.pending) return count;
      this.turn();
    }
    throw new Error(`still busy after ${most} turns`);
  }
}

export const { MKDIR, READ, WATCH_EVENT, ERROR } = MessageType;
