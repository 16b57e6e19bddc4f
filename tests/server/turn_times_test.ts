/** How long turns and answers take, by a stopwatch that the test sets. */
import { assertEquals } from "@std/assert";
import { Counters } from "../../lib/engine/counters.ts";
import { SLOW_TURN_MS, TURN_UNITS } from "../../lib/limits.ts";
import { TurnTimes } from "../../lib/server/loop/turn_times.ts";
import { READ, TestTurns } from "../support/test_turns.ts";

/** Times of which each look at the stopwatch comes to the next. */
function timed(times: readonly number[]): { told: string[]; counters: Counters; times: TurnTimes } {
  const told: string[] = [], counters = new Counters();
  const turnTimes = new TurnTimes(counters, (domid, text) => told.push(`${domid} ${text}`));
  let at = 0;
  turnTimes.stopwatch = () => times[at++]!;
  return { told, counters, times: turnTimes };
}

Deno.test("a slow turn is told with its parts and the client that cost most", () => {
  const { told, counters, times } = timed([1_000, 1_002, 1_302, 1_303, 1_303.5]);
  times.begin(5_000);
  times.cost({ connection: { domid: 3, label: "domain 3" } }, 10);
  times.cost({ connection: { domid: 5, label: "domain 5" } }, 90);
  times.cost({ connection: { domid: 4, label: "domain 4" } }, 20);
  times.served();
  times.committed();
  times.answered();
  times.maintained(false);
  assertEquals(told, [
    "5 turn: it took 303.0 ms: requests 2.0 ms, commit 300.0 ms, answers 1.0 ms, upkeep 0.0 ms; " +
    "most of its work is for domain 5",
  ]);
  const { ms, phase, client } = counters.lastMinute.worst!;
  assertEquals([ms, phase, client], [303.5, "commit", "domain 5"]);
  assertEquals([counters.turns.sumMs, counters.commits.sumMs], [303, 300]);
});

Deno.test("upkeep that takes long behind a turn is told, and what an idle daemon does is not", () => {
  const end = 1_003 + SLOW_TURN_MS;
  const { told, times } = timed([1_000, 1_001, 1_002, 1_003, end, 2_000, 2_001, 2_002, 2_003]);
  times.begin(5_000);
  times.served();
  times.committed();
  times.answered();
  times.maintained(false);
  assertEquals(told.length, 1);
  assertEquals(told[0]!.slice(0, 24), "0 turn: it took 203.0 ms");
  times.begin(6_000);
  times.served();
  times.committed();
  times.answered();
  times.maintained(true);
  assertEquals(told.length, 1);
});

Deno.test("answers count from the turn in which a client's bytes were first there", () => {
  const test = new TestTurns(), { counters } = test;
  const clients = [test.connect(), test.connect(), test.connect()];
  test.onRequest = (connection, header, payload) => {
    counters.requests++;
    test.meter.add(TURN_UNITS);
    connection.outbox.reply(header.type, header.reqId, header.txId, payload);
  };
  for (const client of clients) client.send(READ, 1, "x");
  let now = 100;
  while (test.turns.pending) test.turns.turn(now += 10);
  const { counts, count, sumMs } = counters.waits;
  assertEquals(count, 3);
  // One in the first turn, whose stopwatch stands still, the others 10 and 20 ms later.
  assertEquals(sumMs, 30);
  assertEquals(counts[0], 1);
});
