/** A guest of the echo on a ring of its own. */
import { assert } from "@std/assert";
import { Account } from "../../lib/engine/accounts.ts";
import { Connection } from "../../lib/engine/connection.ts";
import { Quotas } from "../../lib/engine/quotas.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { RING_PAGE_SIZE, RingPage } from "../../lib/transport/ring_page.ts";
import { GuestRing, RingTransport } from "../../lib/transport/ring.ts";
import type { Message } from "../support/message.ts";
import { StreamClient } from "../support/stream_client.ts";
import { READ, type TestTurns } from "../support/test_turns.ts";

/** A guest of the echo; its ring outlives the daemon's end of it. */
export class Guest {
  readonly page = new RingPage(new ArrayBuffer(RING_PAGE_SIZE));
  readonly connection: Connection;
  peer: Peer;
  transport: RingTransport;
  readonly #client: StreamClient;

  constructor(readonly world: TestTurns, readonly domid: number) {
    const outbox = { reply: () => {}, event: () => {} };
    const spec = { kind: "ring", domid, label: `domain ${domid}`, outbox } as const;
    this.connection = new Connection(domid, false, `/local/domain/${domid}`, spec);
    this.connection.quotas = new Quotas();
    [this.transport, this.peer] = this.#connect();
    const ring = new GuestRing(this.page, () => world.turns.ready(this.peer));
    this.#client = new StreamClient(ring, () => world.settle());
    this.transport.introduce(14);
  }

  #connect(): [RingTransport, Peer] {
    const transport = new RingTransport(this.page, () => {});
    const peer = new Peer("ring", this.domid, transport, this.world.turns);
    this.connection.account = new Account();
    peer.connection = this.connection;
    this.connection.outbox = peer;
    return [transport, peer];
  }

  /** The daemon's next life has a peer of its own, and counts anew. */
  liveOn(restore: (peer: Peer, transport: RingTransport, before: Peer) => void): void {
    const before = this.peer;
    [this.transport, this.peer] = this.#connect();
    restore(this.peer, this.transport, before);
    const { account } = this.connection;
    // What the last life counted has died with it.
    this.connection.account = new Account();
    before.close();
    this.connection.account = account;
  }

  get outstanding(): number {
    return this.connection.account!.now.outstanding;
  }

  /** The same, by what is queued here and at others. */
  counted(others: readonly Guest[] = []): number {
    const seen = new Set<object>();
    let count = 0;
    for (const guest of [this, ...others]) {
      guest.peer.outstanding((connection, request) => {
        if (connection !== this.connection || request !== null && seen.has(request)) return;
        if (request !== null) seen.add(request);
        count++;
      });
    }
    return count;
  }

  ask(reqId: number, payload: string): void {
    this.put(reqId, payload);
    this.world.settle();
  }

  /** Puts a request into the ring; the daemon does not turn yet. */
  put(reqId: number, payload: string): void {
    assert(this.#client.send(READ, reqId, payload));
  }

  take(): Message[] {
    return this.#client.take();
  }

  /** Takes what is in the ring; the daemon does not turn. */
  takeOnce(): Message[] {
    return this.#client.receive();
  }
}
