/** The real engine and its turns, clients of dom0 and guests on rings in memory, and a clock. */
import { assertEquals } from "@std/assert";
import { type DaemonActions, NO_ACTIONS } from "../../lib/engine/daemon_actions.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import type { GoneReason } from "../../lib/server/peer/peer_host.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { StreamClient } from "../support/stream_client.ts";
import { TestClient } from "../support/test_turns.ts";

/** A host of which the test is the clock. */
export class RingHost {
  readonly domains = new MemoryDomains();
  readonly log: string[] = [];
  readonly gone: [label: string, reason: GoneReason][] = [];
  readonly engine: Engine;
  readonly turns: Turns;
  now = 1_000;
  readonly #dom0: TestClient;
  #clients = 0;

  constructor(admin: Partial<DaemonActions> = {}) {
    const log = (level: string, text: string): void => void this.log.push(`${level}: ${text}`);
    this.engine = new Engine({ domains: this.domains, log, admin: { ...NO_ACTIONS, ...admin } });
    this.turns = new Turns(this.engine, new NoJournal(), new Trace(), log);
    this.turns.onGone = (peer, reason) => {
      this.gone.push([peer.connection.label, reason]);
      if (peer.kind === "ring") return this.domains.gone(peer);
      this.engine.disconnect(peer.connection);
      peer.close();
    };
    this.domains.attach(this.turns, this.engine);
    this.#dom0 = this.client();
  }

  /** A client on the socket, with streams of `capacity` bytes each way. */
  client(capacity?: number): TestClient {
    const [near, far] = MemoryTransport.pair(capacity);
    const peer = new Peer("socket", ++this.#clients, near, this.turns);
    near.onChange = () => this.turns.ready(peer);
    const label = `client ${this.#clients}`;
    peer.connection = this.engine.connect({ kind: "socket", domid: 0, label, outbox: peer });
    return new TestClient(peer, far);
  }

  /** A guest that has been introduced and owns its home. */
  guest(domid: number): RingGuest {
    this.domains.create(domid);
    this.ask(T.MKDIR, `/local/domain/${domid}\0`);
    this.ask(T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
    const lines = this.log.length;
    assertEquals(this.ask(T.INTRODUCE, `${domid}\x001\x005\0`), "OK\0");
    // What is said of the introduction itself.
    this.log.length = lines;
    return new RingGuest(this, domid, this.domains.guest(domid));
  }

  /** The payload of the reply to a request of dom0. */
  ask(type: number, payload: string, txId = 0, client: TestClient = this.#dom0): string {
    client.send(type, 1, payload, txId);
    this.settle();
    return client.receive().find((message) => message.type !== T.WATCH_EVENT)!.text;
  }

  settle(): void {
    for (let turns = 0; this.turns.pending; turns++) {
      if (turns > 10_000) throw new Error("the turns never settle");
      this.turns.turn(this.now);
    }
  }

  /** Lets `ms` pass, with a turn if one is due then. */
  pass(ms: number): void {
    this.now += ms;
    if (this.now >= this.turns.lookAt) this.turns.turn(this.now);
    this.settle();
  }
}

/** A guest's end of its ring. */
export class RingGuest extends StreamClient<GuestRing> {
  #rest = new Uint8Array(0);
  #reqId = 0;

  constructor(readonly host: RingHost, readonly domid: number, readonly ring: GuestRing) {
    super(ring, () => host.settle());
  }

  /** Sends a request, as far as the ring takes it now; false, and nothing is sent, if others go first. */
  offer(type: number, payload: string, txId = 0): boolean {
    this.#push();
    if (this.#rest.length > 0) return false;
    this.#rest = encodeMessage(type, ++this.#reqId, txId, toBytes(payload)).slice();
    this.#push();
    return true;
  }

  #push(): void {
    for (let count = 1; count > 0 && this.#rest.length > 0;) {
      count = this.ring.write(this.#rest, 0, this.#rest.length);
      if (count > 0) this.#rest = this.#rest.slice(count);
      this.host.settle();
    }
  }

  /** Sends a request and reads all; the reply, or null when there is none yet. */
  ask(type: number, payload: string, txId = 0): string | null {
    return this.offer(type, payload, txId) ? this.#reply() : null;
  }

  #reply(): string | null {
    return this.take().find(({ reqId }) => reqId === this.#reqId)?.text ?? null;
  }

  /** Sends a request and returns the reply; yields while it has to wait. */
  *request(type: number, payload: string, txId = 0): Generator<void, string> {
    while (!this.offer(type, payload, txId)) yield;
    for (;;) {
      const reply = this.#reply();
      if (reply !== null) return reply;
      yield;
      this.#push();
    }
  }
}
