/** Events that a guest does not read in time, and the requests that wait for them. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { NoJournal } from "../../lib/journal/journal.ts";
import { EVENT_DROPS_PER_TIMEOUT, EVENT_LOOK_MS, EVENT_TIMEOUT_MS } from "../../lib/limits.ts";
import { READ, TestTurns, WATCH_EVENT } from "../support/test_turns.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { DAEMON_POLICY } from "../../lib/server/loop.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { Guest } from "./ring_guest.ts";

/** An event of 200 bytes, and its number. */
const path = (number: number): string => `/${number}/`.padEnd(180, "x");

/** A guest that has been sent ten events: the ring takes five, and a part of the sixth. */
function behind(world: TestTurns): Guest {
  const guest = new Guest(world, 1);
  for (let i = 0; i < 10; i++) guest.connection.outbox.event(path(i), "t");
  world.turns.turn(1);
  return guest;
}

/** The numbers of the events that the guest takes. */
function numbers(guest: Guest): number[] {
  return guest.take().filter(({ type }) => type === WATCH_EVENT)
    .map(({ text }) => Number(text.split("/")[1]));
}

Deno.test("Events not read for 20 s are dropped, but one of which the guest has a part", () => {
  const world = new TestTurns();
  const guest = behind(world);
  world.turns.turn(EVENT_TIMEOUT_MS);
  assertEquals(world.log, []);
  world.turns.turn(EVENT_TIMEOUT_MS + 1);
  assertEquals(world.log.length, 1);
  assertStringIncludes(
    world.log[0]!,
    "domain 1: watch events dropped: the client did not read them in time",
  );
  assertEquals(numbers(guest), [0, 1, 2, 3, 4, 5]);
  assertEquals(world.turns.lookAt < Infinity, true);
  world.turns.turn(EVENT_TIMEOUT_MS + 2 * EVENT_LOOK_MS);
  assertEquals(world.turns.lookAt, Infinity);
});

Deno.test("Dropped events leave answers and younger events as they are, and may come again", () => {
  const world = new TestTurns();
  const guest = behind(world);
  guest.ask(1, "answer");
  guest.connection.outbox.event("@special", "t");
  guest.ask(2, "another answer");
  const later = EVENT_TIMEOUT_MS / 2;
  world.turns.turn(later);
  guest.connection.outbox.event(path(10), "t");
  guest.connection.outbox.event(path(8), "t");
  world.turns.turn(later + 1);
  world.turns.turn(EVENT_TIMEOUT_MS + EVENT_LOOK_MS);
  guest.connection.outbox.event(path(8), "t");
  guest.connection.outbox.event(path(8), "t");
  world.turns.turn(EVENT_TIMEOUT_MS + EVENT_LOOK_MS + 1);
  const seen = guest.take().map(({ text, type }) =>
    type === READ ? text : Number(text.split("/")[1])
  );
  assertEquals(seen, [0, 1, 2, 3, 4, 5, "answer", "another answer", 10, 8]);
  assertEquals(guest.outstanding, 0);
});

Deno.test("Drops of one guest are a part of the timeout apart, since each journals all it is owed", () => {
  const world = new TestTurns();
  const guest = new Guest(world, 1);
  let drops = 0;
  const periods = 5;
  for (let now = 1; now <= periods * EVENT_TIMEOUT_MS; now += EVENT_LOOK_MS) {
    guest.connection.outbox.event(path(now), "t");
    guest.peer.takeNews();
    world.turns.turn(now);
    if (guest.peer.hasNews && guest.peer.takeNews().reset) drops++;
  }
  assert(drops > 0);
  assert(drops <= periods * EVENT_DROPS_PER_TIMEOUT, `${drops} drops`);
});

Deno.test("Without a timeout events wait for ever", () => {
  const world = new TestTurns();
  world.turns.expiry.timeoutMs = 0;
  const guest = behind(world);
  world.turns.turn(1e9);
  assertEquals(numbers(guest), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("A request is not held up by a guest that does not read for longer than that", () => {
  const world = new TestTurns();
  const [writer, watcher] = [new Guest(world, 1), new Guest(world, 2)];
  world.onRequest = (connection, { type, reqId, txId }, payload) => {
    watcher.connection.outbox.event(path(reqId), "t");
    connection.outbox.reply(type, reqId, txId, payload);
  };
  for (let i = 1; i <= 40; i++) writer.ask(i, "x");
  const before = writer.take().length;
  assertEquals(writer.outstanding, 20);
  world.turns.turn(2 * EVENT_TIMEOUT_MS);
  world.settle();
  assert(writer.take().length > 0);
  assertEquals(writer.outstanding > 1, before < 39);
  world.turns.turn(4 * EVENT_TIMEOUT_MS);
  world.settle();
  writer.take();
  // One event is in the ring in part.
  assertEquals([writer.outstanding, writer.counted([watcher])], [1, 1]);
});

Deno.test("A socket's client that does not read holds guests up as long, and loses nothing", () => {
  const world = new TestTurns();
  const guest = new Guest(world, 1);
  const client = world.connect(100);
  world.onRequest = (connection, { type, reqId, txId }, payload) => {
    client.peer.event(path(reqId), "t");
    connection.outbox.reply(type, reqId, txId, payload);
  };
  for (let i = 1; i <= 30; i++) guest.ask(i, "x");
  assertEquals([guest.take().length, guest.outstanding], [20, 20]);
  world.turns.turn(2 * EVENT_TIMEOUT_MS);
  world.settle();
  assertEquals([guest.take().length, guest.outstanding], [10, 10]);
  let events = 0;
  for (let i = 0; i < 1000 && events < 30; i++) {
    events += client.receive().length;
    world.settle();
  }
  assertEquals([events, guest.outstanding], [30, 0]);
});

Deno.test("A crash behind a drop: the next life owes what was left, and the journal knows", () => {
  const world = new TestTurns();
  const guest = behind(world);
  guest.peer.takeNews();
  assert(!guest.peer.hasNews);
  world.turns.turn(1000);
  guest.connection.outbox.event(path(10), "t");
  world.turns.turn(2000);
  guest.connection.outbox.event(path(11), "t");
  world.turns.turn(EVENT_TIMEOUT_MS - 1);
  guest.peer.expire(EVENT_TIMEOUT_MS + 1);
  assert(guest.peer.hasNews);
  const news = guest.peer.takeNews();
  assert(news.reset);
  assertEquals(news.responses, guest.peer.wholeState().responses);
  guest.liveOn((peer, transport) => {
    transport.resume(14, news.requestsTaken);
    peer.resume(news);
  });
  assertEquals(numbers(guest), [0, 1, 2, 3, 4, 5, 10, 11]);
});

Deno.test("What a live update hands over is given its time anew", () => {
  const world = new TestTurns();
  const guest = behind(world);
  world.turns.turn(EVENT_TIMEOUT_MS - 1);
  guest.liveOn((peer, transport, before) => {
    transport.inherit(14);
    peer.takeOver(before.handOver());
  });
  world.turns.turn(EVENT_TIMEOUT_MS + 10);
  world.turns.turn(EVENT_TIMEOUT_MS + 2 * EVENT_LOOK_MS);
  assertEquals(world.log, []);
  world.turns.turn(2 * EVENT_TIMEOUT_MS + EVENT_LOOK_MS);
  assertEquals(numbers(guest), [0, 1, 2, 3, 4, 5]);
});

Deno.test("A daemon that has nothing else to do wakes up to drop events", async () => {
  const log: string[] = [];
  const domains = new MemoryDomains();
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const listening = await createListeningSocket({ path: socket, isFallback: false }, systemClock);
  const daemon = Daemon.start({
    listening,
    domains,
    journal: new NoJournal(),
    policy: DAEMON_POLICY,
    trace: new Trace(),
    clock: systemClock,
    eventTimeoutMs: 50,
    log: (level, text) => void log.push(`${level}: ${text}`),
  });
  try {
    domains.create(1);
    assertEquals(daemon.engine.state.openDomain(1, 5), 0);
    const { outbox } = daemon.engine.state.domains.get(1)!.connection!;
    for (let i = 0; i < 10; i++) outbox.event(path(i), "t");
    const wanted = "warning: domain 1: watch events dropped: the client did not read them in time";
    await until("the events to be dropped", () => log.includes(wanted));
  } finally {
    await daemon.stop();
  }
});
