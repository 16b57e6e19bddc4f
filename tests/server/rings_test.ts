/**
 * Guests on rings in memory, against the real engine: what a guest sees in its page, from its
 * introduction to its death.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { type Journal, NoJournal } from "../../lib/journal/journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import {
  ERROR as ERROR_WORD,
  REQ_CONS,
  REQ_PROD,
  SERVER_FEATURES,
} from "../../lib/transport/ring_page.ts";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { EIO } from "../../lib/wire/errors.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";
import type { Message } from "../support/message.ts";
import { StreamClient } from "../support/stream_client.ts";
import { TestClient } from "../support/test_turns.ts";

/** A daemon without a socket: one privileged client and any number of guests. */
class World {
  readonly domains = new MemoryDomains();
  readonly log: string[] = [];
  readonly engine: Engine;
  readonly turns: Turns;
  readonly dom0: TestClient;

  constructor(journal: Journal = new NoJournal()) {
    const log = (level: string, text: string): void => void this.log.push(`${level}: ${text}`);
    this.engine = new Engine({ domains: this.domains, log });
    this.turns = new Turns(this.engine, journal, new Trace(), log);
    this.domains.attach(this.turns, this.engine);
    this.turns.onGone = (peer) => this.domains.gone(peer);
    const [near, far] = MemoryTransport.pair();
    const peer = new Peer("socket", 0, near, this.turns);
    near.onChange = () => this.turns.ready(peer);
    peer.connection = this.engine.connect({
      kind: "socket",
      domid: 0,
      label: "dom0",
      outbox: peer,
    });
    this.dom0 = new TestClient(peer, far);
  }

  settle(): void {
    for (let turns = 0; this.turns.pending; turns++) {
      if (turns > 10_000) throw new Error("the turns never settle");
      this.turns.turn(turns);
    }
  }

  /** A request of domain 0; everything that came back. */
  ask(type: number, payload: string): Message[] {
    this.dom0.send(type, 1, payload);
    this.settle();
    return this.dom0.receive();
  }

  /** The payload of the reply to a request of domain 0. */
  answer(type: number, payload: string): string {
    const replies = this.ask(type, payload).filter((message) => message.type !== T.WATCH_EVENT);
    assertEquals(replies.length, 1);
    return replies[0]!.text;
  }

  /** Makes a domain as libxl does: its home, owned by it below, then INTRODUCE. */
  introduce(domid: number): Guest {
    this.domains.create(domid);
    for (const node of [`/local/domain/${domid}`, `/local/domain/${domid}/data`]) {
      this.answer(T.MKDIR, `${node}\0`);
    }
    this.answer(T.SET_PERMS, `/local/domain/${domid}/data\0n${domid}\0`);
    const guest = new Guest(this, this.domains.guest(domid));
    assertEquals(this.answer(T.INTRODUCE, `${domid}\x001\x005\0`), "OK\0");
    return guest;
  }
}

/** A guest that uses its ring as a driver does: in pieces, whenever there is room. */
class Guest extends StreamClient<GuestRing> {
  constructor(world: World, readonly ring: GuestRing) {
    super(ring, () => world.settle());
  }

  /** Sends bytes, letting the daemon turn whenever the ring is full, and reads all the while. */
  push(bytes: Uint8Array<ArrayBuffer>): Message[] {
    const received: Message[] = [];
    let sent = 0;
    for (let steps = 0; sent < bytes.length; steps++) {
      if (steps > bytes.length + 1000) throw new Error(`stuck after ${sent} bytes`);
      sent += this.ring.write(bytes, sent, bytes.length);
      this.work();
      received.push(...this.take());
    }
    received.push(...this.take());
    return received;
  }

  ask(type: number, payload: string, reqId = 1): Message[] {
    return this.push(encodeMessage(type, reqId, 0, toBytes(payload)).slice());
  }
}

Deno.test("A guest reads and writes its own nodes through its ring", () => {
  const world = new World();
  const guest = world.introduce(3);
  assertEquals(guest.ring.page.load(SERVER_FEATURES), 14);
  assertEquals(guest.ask(T.WRITE, "data/x\0hello", 7), [
    { type: T.WRITE, reqId: 7, txId: 0, text: "OK\0" },
  ]);
  assertEquals(guest.ask(T.READ, "data/x\0")[0]!.text, "hello");
  assertEquals(world.answer(T.READ, "/local/domain/3/data/x\0"), "hello");
  assertEquals(guest.ask(T.CONTROL, "help\0")[0], {
    type: T.ERROR,
    reqId: 1,
    txId: 0,
    text: "EACCES\0",
  });
});

Deno.test("Messages larger than the ring pass both ways", () => {
  const world = new World();
  const guest = world.introduce(3);
  const value = Array.from({ length: 1900 }, (_, i) => String.fromCharCode(i % 256)).join("");
  assertEquals(guest.ask(T.WRITE, `data/big\0${value}`)[0]!.text, "OK\0");
  assertEquals(guest.ask(T.READ, "data/big\0")[0]!.text, value);
});

Deno.test("Pipelined requests in random pieces are all answered in order", () => {
  withSeed((random) => {
    const world = new World();
    const guest = world.introduce(3);
    const count = 300;
    const parts = Array.from(
      { length: count },
      (_, reqId) =>
        random.chance(0.5)
          ? encodeMessage(T.WRITE, reqId, 0, toBytes(`data/k\0${"v".repeat(random.below(900))}`))
          : encodeMessage(T.GET_DOMAIN_PATH, reqId, 0, toBytes(`${reqId}\0`)),
    );
    const received: Message[] = [];
    for (const part of parts) {
      for (let at = 0; at < part.length;) {
        const end = Math.min(part.length, at + 1 + random.below(700));
        received.push(...guest.push(part.slice(at, end)));
        at = end;
      }
    }
    assertEquals(received.map(({ reqId }) => reqId), Array.from({ length: count }, (_, i) => i));
    assert(received.every(({ type }) => type === T.WRITE || type === T.GET_DOMAIN_PATH));
  });
});

Deno.test("A guest that never reads stalls its own ring only", () => {
  const world = new World();
  const lazy = world.introduce(3);
  const busy = world.introduce(4);
  const request = encodeMessage(T.GET_DOMAIN_PATH, 1, 0, toBytes("3\0")).slice();
  let sent = 0;
  for (let i = 0; i < 20_000; i++) {
    const count = lazy.ring.write(request, 0, request.length);
    world.settle();
    if (count < request.length) break;
    sent++;
  }
  assert(sent < 10_000, "its ring is never full");
  assertEquals(busy.ask(T.WRITE, "data/x\x001")[0]!.text, "OK\0");
  assertEquals(world.answer(T.READ, "/local/domain/4/data/x\0"), "1");
});

Deno.test("A length over 4096 ends the ring until the domain is introduced again", () => {
  const world = new World();
  const guest = world.introduce(3);
  const other = world.introduce(4);
  guest.ask(T.WATCH, "data\0token\0");
  const bad = encodeMessage(T.READ, 1, 0, new Uint8Array(0)).slice();
  new DataView(bad.buffer).setUint32(12, 4097, true);
  assertEquals(guest.push(bad), []);
  assertEquals(guest.ring.page.load(ERROR_WORD), 3);
  // Neither answers nor events reach it any more, and its watches are gone.
  guest.ring.write(encodeMessage(T.READ, 1, 0, toBytes("data\0")).slice(), 0, 21);
  world.settle();
  world.answer(T.WRITE, "/local/domain/3/data/x\x001");
  assertEquals(guest.take(), []);
  assertEquals(world.answer(T.IS_DOMAIN_INTRODUCED, "3\0"), "T\0");
  assertEquals(other.ask(T.GET_DOMAIN_PATH, "4\0").length, 1);
  assertEquals(world.answer(T.INTRODUCE, "3\x001\x006\0"), "OK\0");
  assertEquals(guest.ring.page.load(ERROR_WORD), 0);
  assertEquals(world.domains.portOf(3), 6);
  assertEquals(guest.ask(T.READ, "data/x\0")[0]!.text, "1");
  world.answer(T.WRITE, "/local/domain/3/data/x\x002");
  assertEquals(guest.take(), []);
});

Deno.test("Bad indices end the ring; its domain's death is still announced", () => {
  const world = new World();
  const guest = world.introduce(3);
  world.ask(T.WATCH, "@releaseDomain\0token\0");
  guest.ring.page.store(REQ_PROD, guest.ring.page.load(REQ_CONS) + 2000);
  guest.ring.kick();
  world.settle();
  assertEquals(guest.ring.page.load(ERROR_WORD), 2);
  assertEquals(world.answer(T.IS_DOMAIN_INTRODUCED, "3\0"), "T\0");
  world.domains.die(3);
  world.settle();
  assertEquals(world.dom0.receive().map(({ text }) => text), ["@releaseDomain\0token\0"]);
  assertEquals(world.answer(T.IS_DOMAIN_INTRODUCED, "3\0"), "F\0");
});

Deno.test("Introducing a domain again drops half a request and what was queued", () => {
  const world = new World();
  const guest = world.introduce(3);
  const request = encodeMessage(T.READ, 1, 0, toBytes("data\0")).slice();
  guest.ring.write(request, 0, 18);
  world.settle();
  assertEquals(world.answer(T.INTRODUCE, "3\x001\x005\0"), "OK\0");
  assertEquals(guest.ask(T.GET_DOMAIN_PATH, "3\0")[0]!.text, "/local/domain/3\0");
});

Deno.test("A page that can't be mapped leaves no domain behind", () => {
  const world = new World();
  world.domains.create(5);
  world.domains.failMapping(5, EIO);
  assertEquals(world.answer(T.INTRODUCE, "5\x001\x005\0"), "EIO\0");
  assertEquals(world.answer(T.IS_DOMAIN_INTRODUCED, "5\0"), "F\0");
  assertEquals(world.domains.portOf(5), null);
  world.domains.failMapping(5, 0);
  assertEquals(world.answer(T.INTRODUCE, "5\x001\x005\0"), "OK\0");
  assertEquals(world.answer(T.INTRODUCE, "6\x001\x005\0"), "EINVAL\0");
});

Deno.test("Shutdown, death and removal are announced, and a released ring is dead", () => {
  const world = new World();
  const guest = world.introduce(3);
  world.ask(T.WATCH, "@releaseDomain\0token\0");
  world.domains.shutDown(3);
  world.settle();
  assertEquals(world.dom0.receive().length, 1);
  world.domains.startDying(3);
  world.settle();
  assertEquals(world.dom0.receive(), []);
  assertEquals(guest.ask(T.GET_DOMAIN_PATH, "3\0").length, 1);
  assertEquals(world.answer(T.RELEASE, "3\0"), "OK\0");
  guest.ring.write(encodeMessage(T.READ, 1, 0, toBytes("data\0")).slice(), 0, 21);
  world.settle();
  assertEquals(guest.take(), []);
  assertEquals(world.answer(T.READ, "/local/domain/3/data\0"), "ENOENT\0");
});

Deno.test("A guest under a flood of unread events loses some aloud, and keeps its ring", () => {
  const world = new World();
  const guest = world.introduce(3);
  guest.ask(T.WATCH, "data\0token\0");
  for (let i = 0; i < 400; i++) {
    world.answer(T.WRITE, `/local/domain/3/data/${"x".repeat(3000)}${i}\0`);
  }
  const dropped = world.log.filter((line) => line.includes("watch events dropped"));
  assertEquals(dropped.length, 1);
  assertStringIncludes(dropped[0]!, "domain 3");
  assert(guest.take().length > 300);
  assertEquals(guest.ask(T.GET_DOMAIN_PATH, "3\0").length, 1);
});

/** Lets something happen between the handling of requests and their answers. */
class SlowJournal extends NoJournal {
  meanwhile: (() => void) | null = null;

  override commit(): boolean {
    const { meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    return super.commit();
  }
}

Deno.test("A request that comes while another is committed is found, though not announced", () => {
  const journal = new SlowJournal();
  const world = new World(journal);
  const guest = world.introduce(3);
  const second = encodeMessage(T.WRITE, 2, 0, toBytes("data/y\0second")).slice();
  journal.meanwhile = () => {
    assertEquals(guest.ring.write(second, 0, second.length), second.length);
  };
  const replies = guest.ask(T.WRITE, "data/x\0first", 1);
  assertEquals(replies.map(({ reqId, text }) => [reqId, text]), [[1, "OK\0"], [2, "OK\0"]]);
});
