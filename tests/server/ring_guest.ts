/** A guest of the echo on a ring of its own. */
import { assertEquals } from "@std/assert";
import { Account } from "../../lib/engine/accounts.ts";
import { Connection } from "../../lib/engine/connection.ts";
import { Quotas } from "../../lib/engine/quota.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { RING_PAGE_SIZE, RING_SIZE, RingPage } from "../../lib/transport/ring_page.ts";
import { GuestRing, RingTransport } from "../../lib/transport/ring.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Message, parseMessages, READ, type TestTurns } from "../support/test_turns.ts";

/** A guest of the echo; its ring outlives the daemon's end of it. */
export class Guest {
  readonly page = new RingPage(new ArrayBuffer(RING_PAGE_SIZE));
  readonly connection: Connection;
  peer: Peer;
  transport: RingTransport;
  readonly #ring: GuestRing;
  #bytes = new Uint8Array(0);

  constructor(readonly world: TestTurns, readonly domid: number) {
    const outbox = { reply: () => {}, event: () => {} };
    const spec = { kind: "ring", domid, label: `domain ${domid}`, outbox } as const;
    this.connection = new Connection(domid, false, `/local/domain/${domid}`, spec);
    this.connection.quotas = new Quotas();
    [this.transport, this.peer] = this.#connect();
    this.#ring = new GuestRing(this.page, () => world.turns.ready(this.peer));
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
    const message = encodeMessage(READ, reqId, 0, toBytes(payload)).slice();
    assertEquals(this.#ring.write(message, 0, message.length), message.length);
  }

  take(): Message[] {
    const messages: Message[] = [];
    for (;;) {
      const some = this.takeOnce();
      if (some === null) return messages;
      messages.push(...some);
      this.world.settle();
    }
  }

  /** Takes what is in the ring; the daemon does not turn. Null when there is nothing. */
  takeOnce(): Message[] | null {
    const chunk = new Uint8Array(RING_SIZE);
    const count = this.#ring.read(chunk, 0, chunk.length);
    if (count <= 0) return null;
    const bytes = new Uint8Array([...this.#bytes, ...chunk.subarray(0, count)]);
    const parsed = parseMessages(bytes);
    this.#bytes = bytes.slice(parsed.used);
    return parsed.messages;
  }
}
