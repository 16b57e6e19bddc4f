/** Who is served first, and how much a turn does: counted in units and requests, never timed. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { REQUEST_UNITS } from "../../lib/engine/work_meter.ts";
import {
  CREDIT_UNITS,
  IDLE_UNITS_PER_MS,
  PRIVILEGED_WEIGHT,
  QUIET_STEP_UNITS,
  STEP_CREDIT_UNITS,
  STEP_UNITS_FIRST,
  TURN_UNITS,
} from "../../lib/limits.ts";
import { MKDIR, READ, TestTurns } from "../support/test_turns.ts";
import { BUSY, Crowd, shareOf } from "./crowd.ts";

Deno.test("turn order: a quiet client is served before thirty busy guests", () => {
  const crowd = Crowd.ofGuests(240);
  for (const privileged of [false, true]) {
    const quiet = crowd.world.connect(1_000, privileged);
    for (let i = 0; i < 50; i++) {
      assertEquals(crowd.ask(quiet), { units: 0, turns: 1 });
      crowd.turn(7);
    }
  }
});

Deno.test("turn order: so is one that comes only now", () => {
  const crowd = Crowd.ofGuests(240);
  for (const privileged of [false, true]) {
    for (let i = 0; i < 20; i++) {
      assertEquals(crowd.ask(crowd.world.connect(1_000, privileged)), { units: 0, turns: 1 });
    }
  }
});

Deno.test("turn order: no request of twenty turns comes before that of a quiet client", () => {
  const crowd = Crowd.ofGuests(20 * TURN_UNITS);
  const quiet = crowd.world.connect(1_000, false);
  for (let i = 0; i < 50; i++) {
    assertEquals(crowd.ask(quiet), { units: 0, turns: 1 });
    crowd.turn(3);
  }
});

Deno.test("turn order: the answers of the quiet do not wait for the work of the busy", () => {
  const crowd = Crowd.ofGuests(240);
  const quiet = crowd.world.connect(1_000, false);
  for (let i = 0; i < 20; i++) {
    const before = crowd.done;
    crowd.ask(quiet);
    assertEquals(crowd.done - before, REQUEST_UNITS);
    crowd.turn(5);
  }
});

Deno.test("turn order: while the journal is behind, the busy wait and the quiet do not", () => {
  for (const privileged of [false, true]) {
    const crowd = Crowd.ofGuests(240);
    const dom0 = crowd.add(2_400, true);
    while (shareOf(dom0.client).units < 2 * PRIVILEGED_WEIGHT * CREDIT_UNITS) crowd.turn();
    const quiet = crowd.world.connect(1_000, privileged);
    crowd.world.journal.isBehind = true;
    const before = crowd.done;
    for (let i = 0; i < 50; i++) {
      assertEquals(crowd.ask(quiet), { units: 0, turns: 1 });
      crowd.turn(7);
    }
    assertEquals(crowd.done - before, 50 * REQUEST_UNITS);
    crowd.world.journal.isBehind = false;
    crowd.turn();
    assert(crowd.done - before > TURN_UNITS, "they go on");
  }
});

Deno.test("turn order: while the history is behind, the busy wait also where each commit waits for the disk", () => {
  for (const syncs of [false, true]) {
    const crowd = Crowd.ofGuests(240);
    const quiet = crowd.world.connect(1_000, false);
    crowd.world.journal.syncs = syncs;
    crowd.world.history.isBehind = true;
    const before = crowd.done;
    assertEquals(crowd.ask(quiet), { units: 0, turns: 1 });
    crowd.turn(7);
    assertEquals(crowd.done - before, REQUEST_UNITS);
    crowd.world.history.isBehind = false;
    crowd.turn(2);
    assert(crowd.done - before > TURN_UNITS, "they go on");
  }
});

Deno.test("turn order: where each commit waits for the disk, nobody waits for the journal", () => {
  const crowd = Crowd.ofGuests(240);
  crowd.world.journal.isBehind = crowd.world.journal.syncs = true;
  const before = crowd.done;
  crowd.turn();
  assert(crowd.done - before > 0.9 * BUSY * TURN_UNITS, `${crowd.done - before} units`);
});

Deno.test("turn order: a client that was quiet goes first for as long as its credit lasts", () => {
  const crowd = Crowd.ofGuests(240);
  const late = crowd.add(240, false);
  const others = (): number => crowd.done - shareOf(late.client).units;
  const before = others();
  while (others() - before < TURN_UNITS) crowd.turn();
  const { units } = shareOf(late.client);
  const credit = CREDIT_UNITS - STEP_UNITS_FIRST;
  assert(units > 0.8 * credit, `only ${units} units`);
  assert(units < 1.2 * credit + TURN_UNITS, `${units} units without the others`);
});

Deno.test("turn order: a new guest hardly waits for clients of domain 0 that begin at once", () => {
  const crowd = Crowd.atOnce(10, 240, true);
  const { units } = crowd.ask(crowd.world.connect(1_000, false));
  // Some 1 ms.
  assert(units < 100_000, `${units} units`);
});

Deno.test("turn order: of guests that begin at once none does much before another's first request", () => {
  const crowd = Crowd.atOnce(BUSY, 240, false);
  const { units } = crowd.ask(crowd.world.connect(1_000, false));
  assert(units <= BUSY * (QUIET_STEP_UNITS + 240), `${units} units`);
});

Deno.test("turn order: clients with much credit that go on all the time take long steps", () => {
  const crowd = Crowd.atOnce(10, 50, true);
  // Behind the first, short steps.
  crowd.turn();
  let served = 0;
  for (let turns = 0; turns < 20; turns++) {
    crowd.world.handled.length = 0;
    crowd.turn();
    served += new Set(crowd.world.handled.map(([label]) => label)).size;
  }
  assert(served < 20 * 3, `${served} clients were served in 20 turns`);
});

Deno.test("turn order: the busy share alike, whatever their requests take", () => {
  const crowd = new Crowd();
  const long = 20 * TURN_UNITS;
  for (let i = 0; i < 10; i++) crowd.add(i < 5 ? 100 + 10 * i : long, false);
  while (crowd.done < 200 * long) crowd.turn();
  const units = crowd.units();
  const [least, most] = [Math.min(...units), Math.max(...units)];
  assert(most - least <= 2 * long, `from ${least} to ${most} units`);
});

Deno.test("turn order: what a privileged client does counts less against it", () => {
  const crowd = new Crowd();
  for (let i = 0; i < 5; i++) crowd.add(240, i === 0);
  while (crowd.done < 200 * CREDIT_UNITS) crowd.turn();
  const [privileged, ...others] = crowd.units();
  for (const units of others) {
    const ratio = privileged! / units;
    assert(ratio > 0.8 * PRIVILEGED_WEIGHT && ratio < 1.3 * PRIVILEGED_WEIGHT, `${ratio} times`);
  }
});

Deno.test("turn order: connections of one domain share what it has", () => {
  const crowd = new Crowd();
  const clients = Array.from({ length: 10 }, () => crowd.add(240, false).client);
  for (const { peer } of clients.slice(2)) peer.connection.share = shareOf(clients[1]!);
  while (crowd.done < 20 * CREDIT_UNITS) crowd.turn();
  const [one, others] = crowd.units();
  assert(Math.abs(one! - others!) < 0.1 * one!, `${one} and ${others} units`);
});

Deno.test("turn order: a turn ends behind the request that crosses its bound", () => {
  const crowd = Crowd.ofGuests(240);
  for (let i = 0; i < 200; i++) {
    const before = crowd.done;
    crowd.turn();
    const units = crowd.done - before;
    assert(units > 0 && units < 1.3 * TURN_UNITS, `${units} units in a turn`);
  }
});

Deno.test("turn order: where each commit waits for the disk all that are ready share one", () => {
  const crowd = Crowd.ofGuests(240);
  const { journal } = crowd.world;
  journal.syncs = true;
  crowd.turn();
  const before = crowd.units();
  const { commits } = journal;
  crowd.turn();
  assertEquals(journal.commits, commits + 1);
  crowd.units().forEach((units, i) => {
    const done = units - before[i]!;
    assert(done > TURN_UNITS / 2 && done < 2 * TURN_UNITS, `${done} units in a turn`);
  });
});

Deno.test("turn order: a quiet client waits for one slice of long work at most", () => {
  const crowd = Crowd.ofGuests(240);
  const { turns } = crowd.world;
  const quiet = crowd.world.connect(1_000, false);
  let slices = 0;
  turns.begin({ step: () => ++slices < 10 });
  crowd.turn(20);
  while (slices < 10) {
    const before = slices;
    assertEquals(crowd.ask(quiet).turns, 1);
    assert(slices <= before + 1);
    crowd.turn(5);
  }
  assertEquals(slices, 10);
});

Deno.test("turn order: of clients that all wake up at once, those with costly commits come last", () => {
  const crowd = new Crowd();
  const { world } = crowd;
  const long = 20 * TURN_UNITS;
  const sleepers = Array.from({ length: BUSY }, () => world.connect(1_000, false));
  const quiet = world.connect(1_000, false);
  const order: string[] = [];
  world.onRequest = ({ label, outbox }, { reqId, txId, type }, payload) => {
    order.push(label);
    if (label !== quiet.peer.connection.label) world.meter.add(long);
    outbox.reply(type, reqId, txId, payload);
  };
  for (const sleeper of sleepers) sleeper.send(READ, 1, "");
  world.estimated = long;
  world.turn(2);
  const before = order.length;
  quiet.send(READ, 7, "");
  world.estimated = 0;
  world.turn(BUSY);
  assert(order.indexOf(quiet.peer.connection.label) <= before + 1, `${order}`);
  world.settle();
  assertEquals(order.length, BUSY + 1);
  // What was charged ahead was taken back: each has paid for its request once.
  for (const { peer: { connection: { share } } } of sleepers) {
    assert(share.at > 0.9 * long && share.at < 1.2 * long, `${share.at}`);
  }
});

Deno.test("turn order: of thirty guests with a deep MKDIR each and a client that reads, that comes first", () => {
  const world = new TestTurns();
  const engine = new Engine({
    domains: { info: () => null, open: () => 8, reset: () => {}, close: () => {} },
  });
  world.estimate = engine.estimate.bind(engine);
  const guests = Array.from({ length: BUSY }, () => world.connect(8_192, false));
  const quiet = world.connect(1_000, false);
  const order: number[] = [];
  world.onRequest = ({ outbox }, { reqId, txId, type }) => {
    order.push(type);
    if (type === MKDIR) world.meter.add(60_000);
    outbox.reply(type, reqId, txId, new Uint8Array(0));
  };
  for (const guest of guests) guest.send(MKDIR, 1, `${"a/".repeat(990)}a\0`);
  quiet.send(READ, 7, "");
  world.settle();
  assertEquals(order, [READ, ...Array<number>(BUSY).fill(MKDIR)]);
});

Deno.test("turn order: idle time gives credit back, and a short pause does not make the busy quiet", () => {
  for (
    const [pause, isCredited] of [[1, false], [4 * CREDIT_UNITS / IDLE_UNITS_PER_MS, true]] as const
  ) {
    const world = new TestTurns();
    const [busy, quiet] = [world.connect(1_000, false), world.connect(1_000, false)];
    shareOf(quiet!).step = STEP_CREDIT_UNITS;
    const order: number[] = [];
    world.onRequest = ({ id, outbox }, { reqId, txId, type }, payload) => {
      order.push(id);
      world.meter.add(2 * CREDIT_UNITS);
      outbox.reply(type, reqId, txId, payload);
    };
    busy!.send(READ, 1, "");
    world.turns.turn(1_000);
    busy!.send(READ, 2, "");
    quiet!.send(READ, 3, "");
    for (let i = 0; i < 3; i++) world.turns.turn(1_000 + pause);
    assertEquals(order, isCredited ? [1, 1, 2] : [1, 2, 1]);
  }
});
