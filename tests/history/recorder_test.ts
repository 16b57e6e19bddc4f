/** What the engine does is in the history as it was: at each commit, the tree; after a kill, each commit once. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { OneChange } from "../../lib/history/one_change.ts";
import { log, show } from "../../lib/history/queries.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { decodeRide } from "../../lib/history/ride_bytes.ts";
import { encodeRecords } from "../../lib/history/record_bytes.ts";
import { decodeRecords } from "../../lib/history/record_reader.ts";
import { Recorder } from "../../lib/history/recorder.ts";
import { AUTHOR_TEXT_MAX, HISTORY_DETAIL_MAX } from "../../lib/limits.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";
import { roundsOf, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { finish, lines, listed } from "./support.ts";
import { begin, turn, World, writeKeyframe } from "./world.ts";

Deno.test("the store at each commit is rebuilt as it was", () => {
  for (const { seed } of roundsOf(12, 6)) {
    withSeed((random) => {
      const world = new World();
      const { history, rider } = begin(world, IN_MEMORY);
      turn(rider);
      writeKeyframe(history, world);
      const from = world.recorder.last, open = new Map<Client, number>();
      for (let i = 0; i < 400; i++) {
        world.step(random, open);
        if (random.chance(0.3)) turn(rider);
      }
      turn(rider);
      assertEquals(history.last, world.recorder.last);
      for (const [number, tree] of world.trees) {
        if (number < from) continue;
        const moment = finish(momentAt(history, number));
        assertEquals([moment.inexact(), lines(moment.nodes)], [null, tree], `#${number}`);
      }
      history.close();
    }, seed);
  }
});

Deno.test("a record says who did what, and hides secrets", () => {
  const world = new World();
  const { history, rider } = begin(world, IN_MEMORY);
  const [dom0, other, guest] = world.clients as [Client, Client, Client];
  dom0.ask(T.WRITE, "/local/domain/1/name\0web");
  dom0.ask(T.SET_PERMS, "/local/domain/1\0n1\0");
  turn(rider);
  writeKeyframe(history, world);
  guest.ask(T.WRITE, "data/set_clipboard\0topsecret");
  dom0.ask(T.TRANSACTION_START, "\0");
  dom0.ask(T.READ, "/a\0", 1);
  dom0.ask(T.WRITE, "/b\0v", 1);
  other.ask(T.WRITE, "/a\0changed");
  dom0.ask(T.TRANSACTION_END, "T\0", 1);
  dom0.ask(T.WRITE, "/a\0again");
  dom0.ask(T.CONTROL, "quota\0set\0watches\x009\0");
  dom0.ask(T.SET_PERMS, "@releaseDomain\0n0\0r1\0");
  turn(rider);
  const [secret, cause, abort, , quota, special] = [...log(history, {})].slice(-7)
    .filter((item): item is HistoryRecord => item !== null && "type" in item);
  assert(secret?.type === "commit" && cause?.type === "commit" && abort?.type === "abort");
  assert(quota?.type === "commit" && special?.type === "commit");
  assertEquals(secret.author, { kind: "domain", domid: 1, uniqueId: 1n, name: "web" });
  assertEquals(secret.changes.map(({ path, new: now }) => [path, now?.value]), [
    ["/local/domain/1/data", new Uint8Array(0)],
    ["/local/domain/1/data/set_clipboard", { redacted: 9 }],
  ]);
  assertEquals([secret.kind, secret.operations], ["write", 1]);
  assertEquals([abort.path, abort.facet, abort.seen, abort.there, abort.operations], [
    "/a",
    "value",
    "0 bytes",
    "7 bytes",
    3,
  ]);
  assertEquals(finish(show(history, abort.number)).cause, cause);
  assertEquals([quota.kind, quota.detail], ["quota", "watches of new domains: 128, now 9"]);
  assertEquals([special.kind, special.changes[0]!.path], ["set-perms", "@releaseDomain"]);
  history.close();
});

Deno.test("a commit of many nodes is several records of bounded size, all of one number", () => {
  const world = new World();
  const [dom0] = world.clients as [Client];
  world.recorder.take();
  for (let i = 0; i < 10_000; i++) dom0.ask(T.WRITE, `/many/${i % 100}/${i}\0${"v".repeat(50)}`);
  world.recorder.take();
  dom0.ask(T.RM, "/many\0");
  const records = world.recorder.take();
  assert(records.length > 10);
  assertEquals(new Set(records.map(({ number }) => number)).size, 1);
  const paths = records.flatMap((record) => record.type === "commit" ? record.changes : [])
    .map(({ path }) => path);
  assertEquals([paths.length, new Set(paths).size], [10_101, 10_101]);
});

/** A journal as far as a rider sees it: what outlives a kill is `tail` and the history's file. */
class Tail {
  carried: Uint8Array[] = [];
  /** The last number of a turn that was committed. */
  last = 0;
}

Deno.test("after a kill at any step each commit that was acknowledged is there once, and no other", async () => {
  await using scratch = await makeScratch();
  for (const [round, { seed }] of roundsOf(6, 3).entries()) {
    withSeed((random) => {
      const world = new World(), path = `${scratch.path}/${round}`, tail = new Tail();
      const { history, rider } = begin(world, path);
      turn(rider);
      writeKeyframe(history, world);
      const told: HistoryRecord[] = [];
      const all = listed(history);
      const kill = (): void => {
        if (random.chance(0.96)) return;
        checkAfterKill(path, `${scratch.path}/copy`, tail, [...all, ...told], world);
      };
      const open = new Map<Client, number>();
      for (let i = 0; i < 300; i++) {
        for (let steps = random.below(9); steps > 0; steps--) world.step(random, open);
        const bytes = rider.take()?.slice() ?? null;
        kill();
        if (bytes !== null) tail.carried.push(bytes);
        // Here the turn is committed.
        const { last } = world.recorder;
        tail.last = last;
        if (bytes !== null) told.push(...recordsIn(bytes));
        kill();
        rider.committed(bytes !== null);
        kill();
        if (!random.chance(0.2)) continue;
        rider.settle(0);
        kill();
        tail.carried = [];
        kill();
      }
      history.close();
    }, seed);
  }
});

/** What rides with a turn in which nothing is repeated. */
function recordsIn(bytes: Uint8Array): HistoryRecord[] {
  return decodeRide(bytes).items.map((item) => {
    assert("type" in item);
    return item;
  });
}

function checkAfterKill(
  path: string,
  copy: string,
  tail: Tail,
  told: readonly HistoryRecord[],
  world: World,
): void {
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, copy + end);
  const { history, rider } = begin(world, copy);
  rider.recover(tail.carried, null);
  history.skipTo(tail.last, 0, 1);
  assertEquals(listed(history), told);
  assert(!history.needsKeyframe, "there is no gap");
  history.close();
}

Deno.test("a turn that a kill came before is in no file, however large it is", async () => {
  await using scratch = await makeScratch();
  const world = new World(), path = `${scratch.path}/history`;
  const { history, rider } = begin(world, path);
  turn(rider);
  writeKeyframe(history, world);
  rider.settle(0);
  const { last } = history, [dom0] = world.clients as [Client];
  for (let i = 0; i < 2_000; i++) dom0.ask(T.WRITE, `/a/${i}\0${i}`);
  rider.take();
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, `${path}-copy${end}`);
  const next = begin(world, `${path}-copy`).history;
  assertEquals(next.last, last);
  next.close();
  history.close();
});

Deno.test("what a journal has forgotten although it could not be saved is a gap after a kill", async () => {
  await using scratch = await makeScratch();
  const world = new World(), path = `${scratch.path}/history`;
  const { history, rider } = begin(world, path);
  turn(rider);
  writeKeyframe(history, world);
  rider.settle(0);
  const { last } = history, [dom0] = world.clients as [Client];
  for (let i = 0; i < 20; i++) dom0.ask(T.WRITE, `/a\0${i}`);
  turn(rider);
  history.commit = () => false;
  rider.settle(0);
  const copy = `${scratch.path}/copy`;
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, copy + end);
  const next = begin(world, copy).history;
  next.skipTo(world.recorder.last, 99, world.recorder.last - next.last);
  assert(next.needsKeyframe);
  writeKeyframe(next, world);
  const gap = listed(next).at(-1)!;
  assertEquals(gap, {
    type: "gap",
    number: last + 20,
    at: 99,
    first: last + 1,
    firstAt: 99,
    missing: [{ author: { kind: "pruned" }, count: 20 }],
  });
  assertEquals(lines(finish(momentAt(next, last + 20)).nodes), lines(world.nodes()));
  next.close();
});

Deno.test("turns between that carried nothing are a gap, also when the history has lost its file", () => {
  const world = new World(), [dom0] = world.clients as [Client];
  const { history, rider } = begin(world, IN_MEMORY);
  const carried = Array.from({ length: 6 }, (_, i) => {
    dom0.ask(T.WRITE, `/a\0${i}`);
    const bytes = rider.take()!.slice();
    // While a history cannot be used, nothing rides with a turn.
    rider.committed(i < 2 || i > 3);
    return bytes;
  });
  const { last } = world.recorder;
  carried.splice(2, 2);
  const next = begin(world, IN_MEMORY);
  next.rider.recover(carried, null);
  assert(next.history.last === last && next.history.needsKeyframe);
  writeKeyframe(next.history, world);
  assertEquals(listed(next.history).map((one) => [one.type, one.number]).slice(-2), [
    ["commit", last - 4],
    ["gap", last],
  ]);
  for (let number = last - 3; number < last; number++) {
    assert(finish(momentAt(next.history, number)).inexact() !== null, `#${number}`);
  }
  history.close();
  next.history.close();
});

Deno.test("a gap that no file has yet is one after a kill, and its numbers are not given again", async () => {
  await using scratch = await makeScratch();
  const world = new World(), path = `${scratch.path}/history`;
  const { history, rider } = begin(world, path);
  turn(rider);
  writeKeyframe(history, world);
  rider.settle(1);
  // The file cannot be written until more is in memory than may be.
  const { last } = history, [dom0] = world.clients as [Client], { commit } = history;
  history.commit = () => false;
  for (let i = 0; i < 1_200; i++) {
    dom0.ask(T.WRITE, `/a/${i}\0${`${i}`.padEnd(2_000)}`);
    turn(rider);
  }
  history.commit = commit;
  rider.settle(2);
  const copy = `${scratch.path}/copy`;
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, copy + end);
  const next = begin(world, copy);
  assert(next.history.last < world.recorder.last, "the file has no gap yet");
  const given = world.recorder.last;
  const from = { last: 2, unread: 0, alone: [2], another: false, mark: 0 };
  next.rider.begin(from, [], () => null);
  assert(next.history.last > last && next.history.needsKeyframe, "there is a gap");
  assert(world.recorder.last > last, `#${given} was given, and #${world.recorder.last} is next`);
  next.history.close();
  history.close();
});

Deno.test("what is said of very many deaths at once is bounded, and can be read again", () => {
  const longest = "\x01".repeat(AUTHOR_TEXT_MAX);
  const cases: readonly (readonly [count: number, name: string, isAll: boolean])[] = [
    [3, longest, true],
    [200, longest, true],
    [3_000, "guest", false],
  ];
  for (const [count, name, isAll] of cases) {
    const detail = detailOfDeaths(count, name);
    const told = [...detail.matchAll(/(?:^|; )domain (\d+)(?: \([^)]*\))? died/g)];
    assertEquals(told.length === count, isAll, `${count} deaths`);
    assertEquals(told.map(([, domid]) => Number(domid)), told.map((_, i) => i + 1));
    assert(detail.length <= HISTORY_DETAIL_MAX + 100);
    assert(detail.endsWith("; part of death 1"), "it is known what belongs together");
    assertEquals(detail.includes("; and more; "), !isAll);
  }
});

/** What the history says when so many domains of one name die at once, as its records are read. */
function detailOfDeaths(count: number, name: string): string {
  let isOver = false;
  const recorder = new Recorder({ wall: () => 1, redaction: new Redaction() });
  const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null =>
    isOver && domid !== 0 ? null : { domid, state: 1, uniqueId: BigInt(domid) };
  const engine = new Engine({
    domains: { info, open: () => 0, reset: () => {}, close: () => {} },
    listener: recorder,
  });
  const dom0 = new Client(engine, 0);
  for (let domid = 1; domid <= count; domid++) {
    engine.state.domains.know(domid);
    dom0.ask(T.WRITE, `/local/domain/${domid}/name\0${name}`);
  }
  recorder.take();
  isOver = true;
  engine.domainsChanged();
  const [record] = decodeRecords(encodeRecords(recorder.take()).slice());
  assert(record?.type === "commit" && record.kind === "death");
  return record.detail;
}

Deno.test("of a turn that was taken no record grows", () => {
  const fast = { author: { kind: "daemon" }, kind: "request", deeds: [], group: 0 } as const;
  const node = { value: new Uint8Array(1), perms: [0] },
    only = { path: "/a", old: node, new: node };
  const recorder = new Recorder({ wall: () => 1, redaction: new Redaction() });
  const last = new OneChange();
  recorder.folds = { lastOf: () => last, lastFor: () => last, isFolded: () => true, saves: 0 };
  const commit = { ...fast, type: T.WRITE, only, visit: () => {} };
  recorder.committed(commit);
  assertEquals([recorder.repeated(node, node), recorder.last], [0, 2]);
  assertEquals(recorder.take().length, 1);
  assertEquals([recorder.repeated(node, node), recorder.last], [-1, 2]);
});
