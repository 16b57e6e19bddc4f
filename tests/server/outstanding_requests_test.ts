/** Peers of guests that owe answers: what is counted, and that it is the same in the next life. */
import { assert, assertEquals } from "@std/assert";
import { TURN_UNITS } from "../../lib/limits.ts";
import { Guest } from "./ring_guest.ts";
import { TestTurns, WATCH_EVENT } from "../support/test_turns.ts";

/** Ten answers of 200 bytes: the ring takes four, and a part of the fifth. */
function inDebt(world: TestTurns): Guest {
  const guest = new Guest(world, 1);
  for (let i = 0; i < 10; i++) guest.ask(i, "x".repeat(200));
  assertEquals([guest.outstanding, guest.counted()], [6, 6]);
  return guest;
}

Deno.test("What a live update hands over is outstanding in the next process, too", () => {
  const guest = inDebt(new TestTurns());
  guest.liveOn((peer, transport, before) => {
    transport.inherit(14);
    peer.takeOver(before.handOver());
  });
  guest.world.settle();
  assertEquals([guest.outstanding, guest.counted()], [6, 6]);
  assertEquals(guest.take().map(({ reqId }) => reqId), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([guest.outstanding, guest.counted()], [0, 0]);
});

Deno.test("Behind a crash what is owed counts for one request until all of it is taken", () => {
  const guest = inDebt(new TestTurns());
  guest.liveOn((peer, transport, before) => {
    const state = before.wholeState();
    transport.resume(14, state.requestsTaken);
    peer.resume(state);
  });
  guest.world.settle();
  assertEquals([guest.outstanding, guest.counted()], [1, 1]);
  assertEquals(guest.take().map(({ reqId }) => reqId), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([guest.outstanding, guest.counted()], [0, 0]);
});

Deno.test("A guest introduced again, or gone, owes and is owed nothing", () => {
  const guest = inDebt(new TestTurns());
  guest.peer.revive();
  assertEquals([guest.outstanding, guest.counted()], [0, 0]);
  const other = inDebt(new TestTurns());
  other.peer.close();
  assertEquals([other.outstanding, other.counted()], [0, 0]);
});

Deno.test("What a guest puts behind requests that wait for its quota is found without another event", () => {
  const world = new TestTurns();
  const guest = new Guest(world, 1);
  for (let i = 0; i < 32; i++) guest.put(i, "");
  world.turns.turn(0);
  // Twelve are read, but not handled yet, when the guest announces eight more.
  assertEquals(guest.takeOnce()?.length, 20);
  for (let i = 32; i < 40; i++) guest.put(i, "");
  world.settle();
  assertEquals(
    guest.take().map(({ reqId }) => reqId),
    Array.from({ length: 20 }, (_, i) => 20 + i),
  );
});

Deno.test("What a kernel puts behind more requests than a turn handles is found, too", () => {
  const world = new TestTurns();
  const guest = new Guest(world, 1);
  guest.connection.quotas!.set("outstanding", 0);
  world.onRequest = ({ outbox }, { type, reqId, txId }, payload) => {
    world.meter.add(TURN_UNITS / 32);
    outbox.reply(type, reqId, txId, payload);
  };
  for (let i = 0; i < 40; i++) guest.put(i, "");
  world.turns.turn(0);
  const count = guest.takeOnce()!.length;
  assert(count > 0 && count <= 32, `${count} answers`);
  for (let i = 40; i < 50; i++) guest.put(i, "");
  world.settle();
  assertEquals(
    guest.take().map(({ reqId }) => reqId),
    Array.from({ length: 50 - count }, (_, i) => count + i),
  );
});

/** Two guests, where the second hears of every request of the first and takes nothing. */
function withWatcher(): [Guest, Guest] {
  const world = new TestTurns();
  const [writer, watcher] = [new Guest(world, 1), new Guest(world, 2)];
  world.onRequest = (connection, { type, reqId, txId }, payload) => {
    const caused = connection === writer.connection;
    if (caused) watcher.connection.outbox.event(`/path/${reqId}/${"x".repeat(200)}`, "t");
    connection.outbox.reply(type, reqId, txId, payload);
    // Like the first event of a watch: it is nobody's.
    if (caused) watcher.connection.outbox.event(`@first${reqId}`, "t");
  };
  return [writer, watcher];
}

Deno.test("The watcher that does not read is told of when it does, and is not charged", () => {
  const [writer, watcher] = withWatcher();
  for (let i = 1; i <= 30; i++) writer.ask(i, "x");
  const answered = writer.take().length;
  assertEquals([writer.outstanding, writer.counted([watcher]), watcher.outstanding], [20, 20, 0]);
  assert(answered < 30 && answered >= 20, `${answered} answers`);
  assertEquals(watcher.take().length, 60);
  assertEquals([writer.outstanding, writer.counted([watcher])], [0, 0]);
  assertEquals(answered + writer.take().length, 30);
});

Deno.test("The same event again is not waited for", () => {
  const [writer, watcher] = withWatcher();
  for (let i = 1; i <= 10; i++) writer.ask(i, "x");
  const before = writer.outstanding;
  writer.ask(10, "x");
  assertEquals(writer.outstanding, before);
  assert(watcher.take().every(({ type }) => type === WATCH_EVENT));
  assertEquals(writer.outstanding, 0);
});

Deno.test("A watcher that goes lets the requests go that it held up", () => {
  const [writer, watcher] = withWatcher();
  for (let i = 1; i <= 30; i++) writer.ask(i, "x");
  assertEquals(writer.outstanding, 20);
  watcher.peer.close();
  writer.world.settle();
  assertEquals([writer.outstanding, writer.counted([watcher])], [0, 0]);
  assertEquals(writer.take().length, 30);
});

Deno.test("A request that our own error cut short is not outstanding", () => {
  const [writer, watcher] = withWatcher();
  for (let i = 1; i <= 5; i++) writer.ask(i, "x");
  const before = writer.outstanding;
  writer.world.onRequest = () => {
    watcher.connection.outbox.event("/other", "t");
    throw new Error("a defect");
  };
  writer.ask(6, "x");
  assert(!writer.peer.open);
  assert(writer.outstanding <= before);
  watcher.take();
  assertEquals([writer.outstanding, writer.counted([watcher])], [0, 0]);
});
