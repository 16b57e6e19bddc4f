/** What is counted of requests, conflicts and time, and that it ends with its domain and stays bounded. */
import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../lib/engine/engine.ts";
import { ConflictPairs } from "../../lib/engine/conflict_pairs.ts";
import { BUCKETS_MS, Histogram, quantile } from "../../lib/engine/histogram.ts";
import { LastMinute } from "../../lib/engine/last_minute.ts";
import { CONFLICT_PAIRS_MAX } from "../../lib/limits.ts";
import { ENOENT, ENOSYS, OK } from "../../lib/wire/errors.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

function countsOf(engine: Engine, domid: number): Record<number, Record<number, number>> {
  const lines: Record<number, Record<number, number>> = {};
  engine.state.accounts.of(domid).counts.requests.forEach((row, type) => {
    row?.forEach((count, error) => {
      if (count > 0) (lines[type] ??= {})[error] = count;
    });
  });
  return lines;
}

Deno.test("requests are counted by domain, type and result", () => {
  const engine = newEngine();
  const one = new Client(engine, 1), two = new Client(engine, 2);
  const before = engine.state.counters.requests;
  one.ask(T.READ, "/a\0");
  one.ask(T.READ, "/a\0");
  one.ask(T.READ, "/a/nothing\0");
  two.ask(T.WRITE, "/b/x\0value");
  for (const type of [T.ERROR, 20, 27, 65_536, 0xffffffff]) two.ask(type, "");
  assertEquals(countsOf(engine, 1), { [T.READ]: { [OK]: 2, [ENOENT]: 1 } });
  assertEquals(countsOf(engine, 2), {
    [T.WRITE]: { [OK]: 1 },
    [T.ERROR]: { [ENOSYS]: 1 },
    20: { [ENOSYS]: 1 },
    27: { [ENOSYS]: 3 },
  });
  assertEquals(engine.state.counters.requests - before, 9);
});

Deno.test("a request that has to wait is counted when it is answered", () => {
  const engine = newEngine();
  const client = new Client(engine, 1);
  const { liveUpdate } = engine.state;
  Object.defineProperty(liveUpdate, "parking", { value: true, configurable: true });
  liveUpdate.admit = () => "held";
  client.ask(T.READ, "/a\0");
  assertEquals(countsOf(engine, 1), {});
  Object.defineProperty(liveUpdate, "parking", { value: false });
  client.ask(T.READ, "/a\0");
  assertEquals(countsOf(engine, 1), { [T.READ]: { [OK]: 1 } });
});

/** `loser` reads and writes in a transaction what `winner` writes meanwhile. */
function conflict(loser: Client, winner: Client, path: string): void {
  loser.ask(T.TRANSACTION_START, "\0");
  const txId = Number.parseInt(loser.text);
  loser.ask(T.READ, `${path}\0`, txId);
  loser.ask(T.WRITE, `${path}\0mine`, txId);
  winner.ask(T.WRITE, `${path}\0yours ${txId} ${loser.connection.id}`);
  assertEquals(loser.ask(T.TRANSACTION_END, "T\0", txId), "ERROR EAGAIN\0");
}

Deno.test("conflicts are counted for both sides, and the pair is named", () => {
  const engine = newEngine();
  const one = new Client(engine, 1), two = new Client(engine, 2), dom0 = new Client(engine, 0);
  dom0.ask(T.WRITE, "/shared\0");
  dom0.ask(T.SET_PERMS, "/shared\0b0\0");
  conflict(one, two, "/shared");
  conflict(one, two, "/shared");
  conflict(one, dom0, "/shared");
  const { accounts, counters } = engine.state;
  const lines = [0, 1, 2].map((domid) => {
    const { conflictsCaused, conflictsSuffered } = accounts.of(domid).counts;
    return [domid, conflictsSuffered, conflictsCaused];
  });
  assertEquals(lines, [[0, 0, 1], [1, 3, 0], [2, 0, 2]]);
  const [first, second, ...more] = counters.conflicts.all();
  assertEquals(more, []);
  const { lines: _, ...named } = first!;
  assertEquals(named, {
    loser: "client of 1",
    loserDomid: 1,
    by: "client of 2",
    byDomid: 2,
    path: "/shared",
    facet: "value",
    count: 2,
  });
  assertEquals([second!.by, second!.count], ["client of 0", 1]);
});

Deno.test("commits count those that changed something, events those that a change fired", () => {
  const engine = newEngine();
  const one = new Client(engine, 1), two = new Client(engine, 2);
  two.ask(T.WATCH, "/a\0t\0");
  const { counts } = engine.state.accounts.of(1);
  for (const [ends, changes] of [["T", true], ["T", false], ["F", true]] as const) {
    one.ask(T.TRANSACTION_START, "\0");
    const txId = Number.parseInt(one.text);
    if (changes) one.ask(T.WRITE, "/a/x\0v", txId);
    one.ask(T.TRANSACTION_END, `${ends}\0`, txId);
  }
  assertEquals(counts.commits, 1);
  assertEquals(engine.state.accounts.of(2).counts.events, 1);
});

Deno.test("what is counted of a domain ends with it", () => {
  const engine = newEngine();
  const one = new Client(engine, 1), two = new Client(engine, 2), dom0 = new Client(engine, 0);
  dom0.ask(T.WRITE, "/shared\0");
  dom0.ask(T.SET_PERMS, "/shared\0b0\0");
  conflict(one, two, "/shared");
  conflict(two, dom0, "/shared");
  const { accounts, counters, domains } = engine.state;
  engine.state.releaseDomain(domains.get(1)!);
  assertEquals(accounts.known(1), undefined);
  assertEquals(counters.conflicts.all().map(({ loser }) => loser), ["client of 2"]);
  // What it changed is still there, and in others' way; nobody is counted for it, nor gets an account.
  assertEquals(accounts.of(2).counts.conflictsSuffered, 1);
});

Deno.test("the pairs of clients in conflict are bounded: the latest stay", () => {
  const pairs = new ConflictPairs();
  const add = (i: number): void => {
    const others = { loserDomid: 1, byDomid: 2, path: "/", facet: "value" };
    pairs.add({ loser: `socket ${i}`, by: "domain 2", ...others });
  };
  add(0);
  for (let i = 1; i < 3 * CONFLICT_PAIRS_MAX; i++) {
    add(i);
    add(0);
  }
  const all = pairs.all();
  assertEquals(all.length, CONFLICT_PAIRS_MAX);
  assertEquals([all[0]!.loser, all[0]!.count], ["socket 0", 3 * CONFLICT_PAIRS_MAX]);
  assert(all.some(({ loser }) => loser === `socket ${3 * CONFLICT_PAIRS_MAX - 1}`));
  pairs.drop(2);
  assertEquals(pairs.all(), []);
});

Deno.test("a histogram counts in its buckets, the bounds included", () => {
  const histogram = new Histogram();
  for (const bound of BUCKETS_MS) histogram.add(bound);
  histogram.add(BUCKETS_MS.at(-1)! + 1, 3);
  assertEquals(histogram.counts, [...BUCKETS_MS.map(() => 1), 3]);
  assertEquals(histogram.count, BUCKETS_MS.length + 3);
  const sum = BUCKETS_MS.reduce((all, bound) => all + bound, 0) + 3 * (BUCKETS_MS.at(-1)! + 1);
  assertEquals(Math.round(histogram.sumMs * 1_000), Math.round(sum * 1_000));
});

Deno.test("a quantile lies in the bucket that has it", () => {
  const counts = BUCKETS_MS.map(() => 0).concat(0);
  assertEquals(quantile(counts, 0.5), null);
  counts[5] = 98;
  counts[8] = 2;
  assertEquals(quantile(counts, 0.5), 0.5 + 0.5 * (50 / 98));
  assertEquals(quantile(counts, 0.99), 5 + 5 * 0.5);
  assertEquals(quantile(BUCKETS_MS.map(() => 0).concat(7), 0.99), BUCKETS_MS.at(-1));
});

Deno.test("the last minute knows its worst turn, and forgets it when it is over", () => {
  const minute = new LastMinute({ requests: 0, waits: new Histogram() });
  minute.goTo(5_000_000);
  assertEquals(minute.worst, null);
  assert(minute.isWorst(3));
  minute.noteWorst(3, "commit", "domain 5", 5_000_000);
  assert(!minute.isWorst(2));
  minute.goTo(5_030_000);
  minute.noteWorst(1, "requests", "domain 6", 5_030_000);
  assertEquals([minute.worst!.ms, minute.worst!.client], [3, "domain 5"]);
  minute.goTo(5_059_999);
  assertEquals(minute.worst!.ms, 3);
  minute.goTo(5_060_000);
  assertEquals([minute.worst!.ms, minute.worst!.client], [1, "domain 6"]);
  minute.goTo(9_000_000);
  assertEquals(minute.worst, null);
});

Deno.test("requests a second and waits are those of late, also after a pause", () => {
  const totals = { requests: 0, waits: new Histogram() };
  const minute = new LastMinute(totals);
  for (let second = 100; second < 130; second++) {
    minute.goTo(second * 1_000);
    totals.requests += 50;
    totals.waits.add(0.01, 50);
  }
  assertEquals(minute.requestsPerSecond, 50);
  assertEquals(minute.waits.reduce((sum, count) => sum + count, 0), 1_500);
  minute.goTo(135_500);
  assertEquals(minute.requestsPerSecond, 25);
  minute.goTo(150_000);
  assertEquals(minute.requestsPerSecond, 0);
  minute.goTo(250_000);
  assertEquals(minute.waits.reduce((sum, count) => sum + count, 0), 0);
});
