/** What queries answer agrees with what was done. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { answer } from "../../lib/history/answers.ts";
import { DamagedBlock } from "../../lib/history/blocks.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { type LogFilter, LogMatcher } from "../../lib/history/log_filter.ts";
import { isUnder } from "../../lib/history/path_set.ts";
import { type Blame, blame } from "../../lib/history/blame.ts";
import { lastOfLog, log, type LogItem, numberAt, show } from "../../lib/history/queries.ts";
import { momentAt, OutsideError } from "../../lib/history/reading.ts";
import { type HistoryRecord, KINDS, type NodeState } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { AUTHORS, RandomHistory, type Truth } from "./random_history.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, damageBlock, finish, guest, packer, walked, Writer } from "./support.ts";

/** A history of many small blocks that has all, and what is true of it. */
function wholeHistory(random: Random): { history: History; truths: readonly Truth[] } {
  const source = new RandomHistory(random);
  source.number = 0;
  const history = new History({ path: IN_MEMORY, store: "a store", packer });
  history.beginKeyframe(source.now, []);
  const upkeep = new HistoryUpkeep(history, { bytes: Infinity, age: Infinity });
  for (let i = 0; i < 8; i++) {
    history.add(Array.from({ length: 300 }, () => source.next()));
    while (random.chance(0.8) && upkeep.step(source.now));
  }
  return { history, truths: source.truths };
}

function randomFilter(random: Random, truths: readonly Truth[]): LogFilter {
  const last = truths.length;
  const author = random.pick(AUTHORS);
  const paths = ["/a", "/local/domain/2", "/local/domain/*/data", "/**/name", "/none", "/", "/a/?"];
  return {
    ...(random.chance(0.5) ? { paths: [random.pick(paths), random.pick(paths)] } : {}),
    ...(random.chance(0.3) ? { since: random.below(last) } : {}),
    ...(random.chance(0.3) ? { until: random.below(last) } : {}),
    ...(random.chance(0.3) && author.kind === "domain"
      ? { domain: random.chance(0.5) ? author.domid : "quiet" }
      : {}),
    ...(random.chance(0.2) ? { process: random.pick([77, "xl", 78, "x"]) } : {}),
    ...(random.chance(0.2) ? { kind: random.pick(KINDS.slice(0, 5)) } : {}),
    ...(random.chance(0.2) ? { text: random.pick(["1", "4", "9"]) } : {}),
    ...(random.chance(0.2) ? { aborted: true } : {}),
  };
}

function listed(history: History, filter: LogFilter, backwards = false): LogItem[] {
  return [...log(history, filter, backwards)].filter((item) => item !== null);
}

Deno.test("log: what a filter finds by blocks is what looking at all records finds", () => {
  let found = 0;
  for (const { seed } of roundsOf(6, 3)) {
    withSeed((random) => {
      const { history, truths } = wholeHistory(random);
      for (let i = 0; i < 20; i++) {
        const filter = randomFilter(random, truths), matcher = new LogMatcher(filter);
        const expected = truths.map(({ record }) => record).filter((one) => matcher.matches(one));
        assertEquals(listed(history, filter), expected);
        assertEquals(listed(history, filter, true), expected.toReversed());
        const count = 1 + random.below(20);
        assertEquals(finish(lastOfLog(history, filter, count)), expected.slice(-count));
        found += expected.length;
      }
      history.close();
    }, seed);
  }
  assert(found > 500);
});

Deno.test("log reads only blocks that may have what is asked for", () => {
  const history = beginHistory(), writer = new Writer();
  for (let domid = 1; domid <= 20; domid++) {
    const home = `/local/domain/${domid}`;
    history.add(
      Array.from(
        { length: 512 },
        (_, i) => writer.commit(domid * 1e7, guest(domid), { [`${home}/data/${i}`]: "x" }),
      ),
    );
  }
  assertEquals(history.closed.length, 20);
  // Until then a block has no filter.
  history.commit(() => history.closed.forEach((head) => void history.blocks.pack(head)));
  const read = (filter: LogFilter): number => {
    const matcher = new LogMatcher(filter);
    return history.closed.filter((head) => matcher.mayBeIn(head)).length;
  };
  for (
    const [filter, most] of [
      [{ paths: ["/local/domain/5"] }, 3],
      [{ paths: ["/local/domain/5/data/77"] }, 3],
      [{ domain: 5 }, 3],
      [{ domain: "guest-5" }, 3],
      [{ since: 513, until: 1_024 }, 1],
      [{ paths: ["/local/domain/5/*/77"] }, 3],
      [{ process: "xl" }, 2],
      [{ paths: ["/nowhere"] }, 2],
    ] as const
  ) {
    const blocks = read(filter);
    assert(blocks <= most, `${JSON.stringify(filter)}: ${blocks} blocks`);
  }
  assertEquals(listed(history, { paths: ["/local/domain/5/data/77"] }).length, 1);
  assertEquals(listed(history, { domain: 5 }).length, 512);
  assertEquals(listed(history, { paths: ["/local/domain/5"] }).length, 512);
  history.close();
});

Deno.test("blame agrees with what was done", () => {
  for (const { seed } of roundsOf(4, 2)) {
    withSeed((random) => {
      const { history, truths } = wholeHistory(random);
      for (let i = 0; i < 12; i++) {
        const top = random.pick(["/", "/local", "/a", "/a/b", "/none"]);
        checkBlame(history, truths, random.pick(truths), top);
      }
      history.close();
    }, seed);
  }
});

Deno.test("blame: behind a keyframe that is lost, it tells who wrote what was there before, and that more is not known", () => {
  const history = beginHistory(), writer = new Writer();
  const commit = (values: Record<string, string | null>): void =>
    history.add([writer.commit(writer.number + 1, guest(1), values)]);
  for (const value of ["1", "2"]) commit({ "/a": value, "/gone": value });
  commit({ "/gone": null });
  const nodes = walked(writer.nodes);
  assert(history.beginKeyframe(4, nodes));
  while (history.stepKeyframe());
  commit({ "/b": "1" });
  const lost = history.keyframes.heads.at(-1)!;
  history.commit(() => history.keyframes.lose(lost, lost.number, lost.at));
  const since = { from: 3, to: Infinity };
  const told = (number: number): unknown =>
    blamed(history, "/", number, false).map(({ between, commit, path }) =>
      [path, commit!.number, between] as const
    );
  assertEquals(told(4), [["/a", 2, since], ["/b", 4, since]]);
  assertEquals(told(2), [["/a", 2, null], ["/gone", 2, null]]);
  const query = {
    kind: "blame",
    path: "/gone",
    at: null,
    recursive: false,
    deleted: false,
  } as const;
  const answers = [...answer(history, query)].filter((one) => one !== null).slice(1);
  assertEquals(answers, [{ type: "unknown", path: "/gone", isBelow: true, ...since }]);
  history.close();
});

function get(nodes: ReadonlyMap<string, NodeState>, path: string): NodeState | null {
  return nodes.get(path) ?? null;
}

function blamed(history: History, ...asked: [string, number, boolean]): Blame[] {
  const [top, number, deleted] = asked;
  return [...blame(history, top, number, { deleted, recursive: true })]
    .filter((found) => found !== null).sort((a, b) => a.path < b.path ? -1 : 1);
}

function checkBlame(history: History, truths: readonly Truth[], at: Truth, top: string): void {
  const lastChange = (path: string): HistoryRecord | undefined =>
    truths.findLast(({ number, record }) =>
      number <= at.number && record.type === "commit" &&
      record.changes.some((change) => change.path === path)
    )?.record;
  const told = blamed(history, top, at.number, false);
  const there = [...at.nodes.keys()].filter((path) => isUnder(path, top)).sort();
  assertEquals(told.map(({ path }) => path), there);
  for (const { commit, node, path } of told) {
    assertEquals(commit, lastChange(path));
    assertEquals(node, get(at.nodes, path));
  }
  const gone = blamed(history, top, at.number, true);
  const once = new Set(
    truths.flatMap(({ nodes, number }) => number <= at.number ? [...nodes.keys()] : []),
  );
  const left = [...once].filter((path) => isUnder(path, top) && !at.nodes.has(path)).sort();
  // Removing what is not there is told as a change, too.
  const removed = gone.filter(({ path }) => once.has(path));
  assertEquals(removed.map(({ path }) => path), left);
  for (const { commit, path } of removed) assertEquals(commit, lastChange(path));
}

Deno.test("points: a time is the last commit at or before it, a commit itself or one before", () => {
  withSeed((random) => {
    const history = beginHistory(IN_MEMORY, 500), writer = new Writer();
    for (let i = 1; i <= 2_000; i++) {
      history.add([writer.commit(i * 1_000, guest(random.below(3)), { "/x": `${i}` })]);
    }
    const at = (time: number): number => finish(numberAt(history, { kind: "time", at: time }));
    assertEquals([at(500), at(999), at(1_000), at(1_999), at(1_234_567)], [0, 0, 1, 1, 1_234]);
    assertEquals(at(9e15), 2_000);
    assertThrows(
      () => at(499),
      OutsideError,
      "this point is too early: the history begins at 1970-01-01T00:00:00.000Z (#0)",
    );
    const commit = (number: number, back: number): number =>
      finish(numberAt(history, { kind: "commit", number, back }));
    assertEquals([commit(1_234, 0), commit(1_234, 3), commit(3, 3), commit(2_000, 1_999)], [
      1_234,
      1_231,
      0,
      1,
    ]);
    assertThrows(() => commit(3, 4), OutsideError, "#3~4 is before the history begins");
    assertThrows(() => commit(2_001, 0), OutsideError, "there is no #2001 yet: the last is #2000");
    assertThrows(
      () => finish(numberAt(history, { kind: "start" })),
      OutsideError,
      "does not reach back to the daemon's start",
    );
    assertEquals(finish(numberAt(history, { kind: "boot" })), 0);
    assertThrows(
      () => finish(numberAt(history, { kind: "turn", turn: 3 })),
      OutsideError,
      "turns are of a store file",
    );
    history.close();
  });
});

Deno.test("a time within folded writes is a moment that is not known", () => {
  const history = beginHistory(), writer = new Writer();
  // A block of their own.
  history.add(Array.from({ length: 512 }, (_, i) => writer.commit(1, guest(i), { "/y": `${i}` })));
  history.add(
    Array.from({ length: 5_000 }, (_, i) => writer.commit(10 + i, guest(2), { "/x": `${i}` })),
  );
  assert(history.latest.length < 1_000, "they are folded");
  const upTo = history.era.completeAfter;
  assertEquals(upTo, history.last);
  const check = (): void => {
    const number = finish(numberAt(history, { kind: "time", at: 1_000 }));
    const moment = finish(momentAt(history, number));
    assertEquals(moment.unknown("/x"), { from: 768, to: upTo });
    assertEquals(moment.unknown("/y"), null);
  };
  check();
  // The same from a block that is closed.
  for (let i = 0; i < 600; i++) {
    history.add([writer.commit(1e9 * i + 1e6, guest(i), { "/z": `${i}` })]);
  }
  assert(history.closed.length > 0);
  check();
  history.close();
});

Deno.test("show: all parts of a commit, what counts it, and what an abort gave way to", () => {
  const history = beginHistory(), writer = new Writer();
  const parts = [1, 2, 3].map((part) => writer.commit(5, guest(1), { [`/part/${part}`]: "x" }));
  const whole = parts.map((part) => ({ ...part, number: 1 }));
  history.add(whole);
  const cause = writer.commit(7, guest(2), { "/x": "1" });
  const abort: HistoryRecord = {
    type: "abort",
    number: 5,
    at: 9,
    author: guest(1),
    operations: 2,
    path: "/x",
    facet: "value",
    seen: "nothing",
    there: "1",
    by: "domain 2",
    count: 1,
    first: 5,
    firstAt: 9,
  };
  history.add([cause, abort]);
  assertEquals(finish(show(history, 1)).records, whole);
  assertEquals(finish(show(history, 5)), { records: [abort], later: [], cause });
  assertThrows(() => finish(show(history, 6)), OutsideError, "there is no #6 yet");
  writer.number = 5;
  history.add(
    Array.from({ length: 600 }, (_, i) => writer.commit(10 + i, guest(3), { "/z": `${i}` })),
  );
  const shown = finish(show(history, 406));
  assertEquals(shown.records, []);
  assertEquals(shown.later.length, 1);
  history.close();
});

Deno.test("a damaged block is named, and the rest can be read", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`;
  let history = beginHistory(path);
  const writer = new Writer();
  for (let i = 1; i <= 2_048; i++) {
    history.add([writer.commit(i * 1e6, guest(i % 7), { [`/x/${i % 5}`]: `${i}` })]);
  }
  history.close();
  damageBlock(path, 2);
  history = new History({ path, store: "a store", packer });
  const items = listed(history, {});
  const damaged = items.filter((item) => item instanceof DamagedBlock);
  assertEquals(damaged.length, 1);
  assertEquals(
    damaged[0]!.message,
    `records #513 to #1024 are damaged: they are not what was written`,
  );
  assertEquals(items.length, 2_048 - 512 + 1);
  assertEquals(finish(momentAt(history, 512)).inexact(), null);
  assert(finish(momentAt(history, 2_048)).inexact() !== null);
  assertThrows(() => finish(show(history, 600)), DamagedBlock, "#513 to #1024");
  history.close();
});
