/**
 * One connection in the turn, over streams in memory with an echo as engine: framing, order,
 * fairness, repetition, back-pressure and the end.
 */
import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  INPUT_BYTES_MAX,
  OUTPUT_STALL_BYTES,
  SOCKET_OUTPUT_BYTES_MAX,
  TURN_UNITS,
} from "../../lib/limits.ts";
import { READ_UNITS, REQUEST_UNITS, SEND_UNITS } from "../../lib/engine/work_meter.ts";
import { encodeHeader, encodeMessage } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";
import type { Message } from "../support/message.ts";
import { ERROR, READ, TestTurns, WATCH_EVENT } from "../support/test_turns.ts";

function headerOnly(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  encodeHeader(bytes, 0, READ, 1, 0, length);
  return bytes;
}

Deno.test("A peer answers every request once, in order, however the stream is cut", () => {
  withSeed((random) => {
    for (let round = 0; round < 30; round++) {
      const world = new TestTurns();
      const client = world.connect();
      const expected: Message[] = [];
      const parts: Uint8Array[] = [];
      for (let reqId = 1; reqId <= 100; reqId++) {
        const length = random.chance(0.1) ? random.below(4097) : random.below(60);
        const payload = Array.from({ length }, () => String.fromCharCode(random.below(256)));
        expected.push({ type: READ, reqId, txId: reqId * 7, text: payload.join("") });
        parts.push(encodeMessage(READ, reqId, reqId * 7, toBytes(payload.join(""))));
      }
      const stream = concat(parts);
      const received: Message[] = [];
      for (let at = 0; at < stream.length;) {
        const end = Math.min(stream.length, at + 1 + random.below(random.pick([3, 40, 5000])));
        assert(client.sendBytes(stream.slice(at, end)));
        at = end;
        world.settle();
        received.push(...client.receive());
      }
      assertEquals(received, expected);
      assertEquals(world.gone, []);
    }
  });
});

Deno.test("A length over 4096 ends that client after its earlier requests, and no other", () => {
  for (const length of [4097, 65_536, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const world = new TestTurns();
    const bad = world.connect();
    const good = world.connect();
    bad.send(READ, 1, "before");
    bad.sendBytes(headerOnly(length));
    bad.send(READ, 2, "behind");
    good.send(READ, 3, "other");
    world.settle();
    assertEquals(bad.receive().map(({ reqId }) => reqId), [1]);
    assert(bad.hungUp);
    assertEquals(world.gone, [["client 1", "oversize"]]);
    assertEquals(good.receive().map(({ reqId }) => reqId), [3]);
    assert(good.peer.open);
  }
});

Deno.test("A payload of exactly 4096 bytes passes both ways; a longer reply becomes E2BIG", () => {
  const world = new TestTurns();
  const client = world.connect();
  client.send(READ, 1, "x".repeat(4096));
  world.settle();
  assertEquals(client.receive()[0]!.text.length, 4096);
  world.onRequest = ({ outbox }) => outbox.reply(READ, 2, 5, new Uint8Array(4097));
  client.send(READ, 2, "", 5);
  world.settle();
  assertEquals(client.receive(), [{ type: ERROR, reqId: 2, txId: 5, text: "E2BIG\0" }]);
});

Deno.test("A thousand waiting requests do not delay another client's", () => {
  const world = new TestTurns();
  const greedy = world.connect(100_000);
  const modest = world.connect();
  for (let reqId = 1; reqId <= 1000; reqId++) assert(greedy.send(READ, reqId, "/some/path\0"));
  const most = Math.ceil(TURN_UNITS / REQUEST_UNITS);
  world.turn();
  const first = world.handled.length;
  assert(first > 0 && first <= most, `${first} of at most ${most} handled`);
  modest.send(READ, 1, "/mine\0");
  world.turn();
  assertEquals(modest.receive().length, 1);
  assertEquals(world.handled[first], ["client 2", 1]);
  world.settle();
  assertEquals(
    greedy.receive().map(({ reqId }) => reqId),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

Deno.test("Half a request is kept and costs no turn", () => {
  const world = new TestTurns();
  const slow = world.connect();
  const quick = world.connect();
  const request = encodeMessage(READ, 1, 0, toBytes("/some/path\0"));
  slow.sendBytes(request.slice(0, 20));
  world.settle();
  for (let i = 0; i < 100; i++) {
    quick.send(READ, i, "x");
    world.turn();
    assert(!world.turns.pending);
    assertEquals(quick.receive().length, 1);
  }
  slow.sendBytes(request.slice(20));
  world.settle();
  assertEquals(slow.receive().map(({ text }) => text), ["/some/path\0"]);
});

Deno.test("Nothing leaves before the commit, and nothing is read while it fails", () => {
  const world = new TestTurns();
  const client = world.connect();
  world.journal.works = false;
  client.send(READ, 1, "one");
  world.turn();
  client.send(READ, 2, "two");
  world.turn(3);
  assert(world.turns.held);
  assertEquals(world.handled.length, 1);
  assertEquals(client.receive(), []);
  world.journal.works = true;
  world.settle();
  assertEquals(client.receive().map(({ reqId }) => reqId), [1, 2]);
});

Deno.test("Many requests of many clients share one commit", () => {
  const world = new TestTurns();
  for (let i = 0; i < 10; i++) {
    const client = world.connect();
    for (let reqId = 0; reqId < 10; reqId++) client.send(READ, reqId, "x");
  }
  world.settle();
  assertEquals(world.handled.length, 100);
  const { journal: { commits }, clients } = world;
  const units = 100 * REQUEST_UNITS + clients.length * (READ_UNITS + SEND_UNITS);
  assert(commits <= 1 + Math.ceil(units / TURN_UNITS), `${commits} commits`);
});

Deno.test("A repeated event is dropped while the first is not wholly sent, except specials", () => {
  for (const others of [0, 3, 7, 8, 9, 200]) {
    const world = new TestTurns();
    // Takes the first event but for its last byte.
    const first = 16 + "/a\0t\0".length;
    const client = world.connect(first - 1);
    const { peer } = client;
    peer.event("/a", "t");
    world.turn();
    assertEquals(peer.unsent, 1);
    for (let i = 0; i < others; i++) peer.event(`/other/${i}`, "t");
    peer.event("/a", "t");
    peer.event("/a", "u");
    peer.event("/a", "u");
    peer.event("@releaseDomain", "t");
    peer.event("@releaseDomain", "t");
    const expected = [
      "/a\0t\0",
      ...Array.from({ length: others }, (_, i) => `/other/${i}\0t\0`),
      "/a\0u\0",
      "@releaseDomain\0t\0",
      "@releaseDomain\0t\0",
    ];
    const received: Message[] = [];
    while (peer.unsent > 0) {
      received.push(...client.receive());
      world.turn();
    }
    received.push(...client.receive());
    assertEquals(received.map(({ text }) => text), expected, `${others} others`);
    assert(received.every(({ type, reqId, txId }) => type === WATCH_EVENT && reqId + txId === 0));
    // Sent: the same event is news again.
    peer.event("/a", "t");
    world.turn();
    client.receive();
    world.turn();
    assertEquals(client.receive().map(({ text }) => text), ["/a\0t\0"]);
  }
});

Deno.test("An event longer than a message can be is left out", () => {
  const world = new TestTurns();
  const client = world.connect();
  client.peer.event("/a", "t".repeat(4096 - 4));
  client.peer.event("/b", "t".repeat(4096 - 3));
  world.settle();
  assertEquals(client.receive().map(({ text }) => text.length), [4096]);
});

Deno.test("A client that doesn't read its replies is not read from, and goes on when it does", () => {
  const world = new TestTurns();
  const client = world.connect(8192);
  const reply = new Uint8Array(4000);
  world.onRequest = ({ outbox }, { reqId }) => outbox.reply(READ, reqId, 0, reply);
  const total = 60;
  const received: Message[] = [];
  for (let reqId = 1; reqId <= total; reqId++) client.send(READ, reqId, "x");
  world.settle();
  const limit = Math.ceil((OUTPUT_STALL_BYTES + 8192) / 4016) + 1;
  assert(world.handled.length <= limit, `${world.handled.length} requests were handled`);
  assert(client.peer.stalled);
  assert(client.peer.unsent <= OUTPUT_STALL_BYTES + 4016);
  for (let i = 0; i < 200 && received.length < total; i++) {
    received.push(...client.receive());
    world.settle();
  }
  assertEquals(received.map(({ reqId }) => reqId), Array.from({ length: total }, (_, i) => i + 1));
  assert(!client.peer.stalled);
});

Deno.test("A client that never reads its events is hung up aloud, at a bound", () => {
  const world = new TestTurns();
  const lazy = world.connect();
  const other = world.connect();
  let events = 0;
  while (world.log.length === 0) {
    lazy.peer.event(`/event/${events++}`, "t".repeat(4000));
    assert(events < 2 * SOCKET_OUTPUT_BYTES_MAX / 4000, "no end in sight");
  }
  assert(lazy.peer.unsent <= SOCKET_OUTPUT_BYTES_MAX);
  assert(lazy.peer.unsent > SOCKET_OUTPUT_BYTES_MAX - 5000);
  assertStringIncludes(world.log[0]!, "client 1: disconnected");
  other.send(READ, 1, "x");
  world.settle();
  assertEquals(world.gone, [["client 1", "overflow"]]);
  assertEquals(world.log.length, 1);
  assertEquals(other.receive().length, 1);
});

Deno.test("A client that sends and closes is answered as far as it can be, then forgotten", () => {
  const world = new TestTurns();
  const client = world.connect();
  for (let reqId = 0; reqId < 100; reqId++) client.send(READ, reqId, "x");
  world.turn();
  client.close();
  world.settle();
  assertEquals(world.gone, [["client 1", "closed"]]);
  assertEquals(client.peer.open, false);
});

Deno.test("A handler that throws ends the client it served, and no other", () => {
  const world = new TestTurns();
  const [first, second] = [world.connect(), world.connect()];
  world.onRequest = (connection, { type, reqId }, payload) => {
    if (connection.label === "client 1") throw new TypeError("a defect");
    connection.outbox.reply(type, reqId, 0, payload);
  };
  first.send(READ, 1, "x");
  first.send(READ, 2, "x");
  second.send(READ, 3, "x");
  world.settle();
  assertEquals(world.handled, [["client 1", 1], ["client 2", 3]]);
  assertEquals(world.gone, [["client 1", "failed"]]);
  assertMatch(world.log[0]!, /^error: client 1: .*a defect/);
  assertEquals(second.receive().length, 1);
});

Deno.test("Input dropped in the middle of a request's handling stays dropped", () => {
  const world = new TestTurns();
  const client = world.connect();
  world.onRequest = (connection, { type, reqId }, payload) => {
    if (reqId === 2) client.peer.revive();
    connection.outbox.reply(type, reqId, 0, payload);
  };
  for (let reqId = 1; reqId <= 5; reqId++) client.send(READ, reqId, "x");
  world.settle();
  assertEquals(client.receive().map(({ reqId }) => reqId), [2]);
  client.send(READ, 6, "x");
  world.settle();
  assertEquals(client.receive().map(({ reqId }) => reqId), [6]);
});

Deno.test("Input up to the buffer's very end is framed", () => {
  const world = new TestTurns();
  const client = world.connect();
  // The first message ends one byte before the first read does.
  const first = INPUT_BYTES_MAX - 3 * 4112 - 1;
  const lengths = [4096, 4096, 4096, first - 16, 100, 0, 4096];
  const parts = lengths.map((length, i) => encodeMessage(READ, i, 0, new Uint8Array(length)));
  client.sendBytes(concat(parts));
  world.settle();
  assertEquals(client.receive().map(({ text }) => text.length), lengths);
});
