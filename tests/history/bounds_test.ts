/** A history keeps its bounds, and loses nothing of others, whatever one author does. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { HistoryError, IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { HISTORY_BLOCK_SHARE_MIN } from "../../lib/limits.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import {
  beginHistory,
  finish,
  guest,
  listed,
  packer,
  textNode,
  walked,
  Writer,
} from "./support.ts";

const DAY = 86_400_000_000;

function runUpkeep(upkeep: HistoryUpkeep, now: number): void {
  while (upkeep.step(now));
}

Deno.test("floods of one author stay within the bound, and push out no quiet one", () => {
  const history = beginHistory(), writer = new Writer();
  const bounds = { bytes: 1_000_000, age: 7 * DAY };
  const upkeep = new HistoryUpkeep(history, bounds);
  const quiet = [
    writer.commit(1, guest(1), { "/local/domain/1/data/a": "kept", "/local/domain/1/data/b": "x" }),
    writer.commit(2, guest(1), { "/local/domain/1/data/a": "newer" }),
  ];
  history.add(quiet);
  let at = 1_000, most = 0;
  const step = (values: Record<string, string | null>): void => {
    history.add([writer.commit(at += 20, guest(2), values)]);
    if (writer.number % 100 === 0) {
      do upkeep.step(at); while (upkeep.isBehind && upkeep.step(at));
      most = Math.max(most, history.bytes);
    }
  };
  // One path; then a thousand in turn; then one path after the other, each of which is removed; then large values.
  for (let i = 0; i < 20_000; i++) step({ "/local/domain/2/data/one": `${i}` });
  for (let i = 0; i < 20_000; i++) step({ [`/local/domain/2/data/${i % 1_000}`]: `${i}` });
  for (let i = 0; i < 10_000; i++) {
    step({ [`/local/domain/2/data/new/${i}`]: `${i}` });
    step({ [`/local/domain/2/data/new/${i}`]: null });
  }
  for (let i = 0; i < 4_000; i++) {
    step({ [`/local/domain/2/data/${i % 1_000}`]: `${i} ${crypto.randomUUID().repeat(50)}` });
  }
  runUpkeep(upkeep, at);
  assert(history.bytes <= bounds.bytes, `${history.bytes} bytes`);
  assert(most <= 1.5 * bounds.bytes, `${most} bytes meanwhile`);
  const records = listed(history);
  assertEquals(records.filter((record) => record.number <= 2), quiet);
  assertEquals(records.at(-1)!.number, writer.number);
  const moment = finish(momentAt(history, writer.number));
  assertEquals(walked(moment.nodes), walked(writer.nodes));
  // What the quiet one has done is known at all times.
  assertEquals(finish(momentAt(history, 1_000)).inexact("/local/domain/1"), null);
  history.close();
});

Deno.test("values that compress very well do not fill the memory with blocks, and push out no quiet author", () => {
  const history = beginHistory(), writer = new Writer();
  const bounds = { bytes: 1_000_000, age: 7 * DAY };
  const upkeep = new HistoryUpkeep(history, bounds);
  const quiet = [writer.commit(1, guest(1), { "/local/domain/1/data/a": "kept" })];
  history.add(quiet);
  const large = "a".repeat(2_000);
  let at = 1_000, most = 0;
  for (let i = 0; i < 40_000; i++) {
    // One path after the other, so that there is nothing to fold.
    const path = `/local/domain/2/data/${i >> 1}`;
    history.add([writer.commit(at += 20, guest(2), { [path]: i % 2 === 0 ? large : null })]);
    if (i % 100 !== 0) continue;
    do upkeep.step(at); while (upkeep.isBehind && upkeep.step(at));
    most = Math.max(most, history.blocks.heads.length);
  }
  runUpkeep(upkeep, at);
  const blocksMax = bounds.bytes / HISTORY_BLOCK_SHARE_MIN;
  assert(history.blocks.heads.length <= blocksMax, `${history.blocks.heads.length} blocks`);
  assert(most <= 1.25 * blocksMax, `${most} blocks meanwhile`);
  assert(history.blocks.heads.length > blocksMax / 2, "no more goes than there has to");
  const records = listed(history);
  assertEquals(records.filter((record) => record.number <= 1), quiet);
  assertEquals(records.at(-1)!.number, writer.number);
  const moment = finish(momentAt(history, writer.number));
  assertEquals(walked(moment.nodes), walked(writer.nodes));
  history.close();
});

Deno.test("no more goes than there has to", () => {
  const history = beginHistory(), writer = new Writer();
  const bounds = { bytes: 2_000_000, age: 7 * DAY }, upkeep = new HistoryUpkeep(history, bounds);
  let at = 1, least = Infinity;
  for (let i = 0; i < 4_000; i++) {
    // Two paths, so that there is nothing to fold.
    const values = { [`/n/${i % 200}`]: noise(i, 200), [`/new/${i}`]: "" };
    history.add([writer.commit(at += 1e6, guest(2), values)]);
    do upkeep.step(at); while (upkeep.isBehind && upkeep.step(at));
    if (history.thinned.length > 0) least = Math.min(least, history.bytes);
  }
  assert(least > 1_600_000, `${least} bytes are left`);
  history.close();
});

/** Words that compress badly. */
function noise(seed: number, words: number): string {
  const word = (at: number): string =>
    (Math.imul(seed * 31 + at, 2_654_435_761) >>> 0).toString(36);
  return Array.from({ length: words }, (_, at) => word(at)).join("");
}

Deno.test("what others did before on a path that an author floods is never told of the flood", () => {
  const history = beginHistory(), writer = new Writer();
  const fill = (domid: number): void => {
    history.add(
      Array.from({ length: 511 }, (_, i) =>
        writer.commit(writer.number * 1e6, guest(domid), {
          [`/fill/${domid}/${i}`]: noise(i, domid),
        })),
    );
  };
  history.add([writer.commit(1, guest(1), { "/shared": "quiet" })]);
  fill(1);
  history.add([writer.commit(600e6, guest(9), { "/shared": "flood" })]);
  fill(9);
  assertEquals(history.closed.length, 2);
  runUpkeep(new HistoryUpkeep(history, { bytes: 1e9, age: 7 * DAY }), 1);
  const upkeep = new HistoryUpkeep(history, { bytes: history.bytes - 1, age: 7 * DAY });
  // The one that has most is thinned first.
  for (let steps = 0; history.thinned.length === 0 && steps < 10; steps++) upkeep.step(1);
  assertEquals(history.thinned.map(({ holder }) => holder), ["domain 9 9"]);
  const moment = finish(momentAt(history, writer.number));
  assertEquals(walked(moment.nodes), walked(writer.nodes));
  history.close();
});

Deno.test("what is too old goes, also when the clock was set back", () => {
  const history = beginHistory(), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: DAY });
  for (let i = 0; i < 4_096; i++) {
    history.add([writer.commit(10 * DAY + i * 1e6, guest(1), { [`/x/${i % 9}`]: `${i}` })]);
  }
  history.add([writer.commit(1, guest(1), { "/back": "yes" })]);
  runUpkeep(upkeep, 10 * DAY + DAY + 1_500e6);
  assertEquals(history.horizon!.number, 1_024);
  assertEquals(finish(momentAt(history, 1_024)).nodes.size, 9);
  assertEquals(listed(history).length, 4_097 - 1_024);
  history.close();
});

Deno.test("a commit of many parts is there as a whole, or not at all, after a kill", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const history = beginHistory(path), writer = new Writer();
  history.add([writer.commit(1, guest(1), { "/a": "1" })]);
  const parts = Array.from({ length: 100 }, (_, part) => {
    const values = Array.from({ length: 100 }, (_, i) => [`/many/${part}/${i}`, "x".repeat(60)]);
    return { ...writer.commit(2, guest(1), Object.fromEntries(values)), number: 2 };
  });
  history.add(parts);
  const count = (file: string): number => {
    using copy = copyOf(file, `${scratch.path}/copy`);
    return listed(copy.history).filter(({ number }) => number === 2).length;
  };
  assertEquals(count(path), 100);
  assert(history.closed.length > 5, "in blocks of the usual size");
  // The oldest blocks go with all parts.
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: 7 * DAY });
  runUpkeep(upkeep, 7 * DAY + 3);
  assertEquals(history.horizon!.number, 2);
  assertEquals(finish(momentAt(history, 2)).nodes.size, 10_001);
  history.close();
});

/** What a kill leaves of a history. */
function copyOf(path: string, to: string): Disposable & { readonly history: History } {
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, to + end);
  const history = new History({ path: to, store: "a store", packer });
  return { history, [Symbol.dispose]: () => history.close() };
}

Deno.test("after a kill at any point each record is there once, when it is told again", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const history = beginHistory(path), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: 7 * DAY });
  const told: HistoryRecord[] = [];
  for (let i = 0; i < 3_000; i++) {
    const record = writer.commit(i * 1e6, guest(i % 5), { [`/x/${i % 11}`]: `${i}` });
    told.push(record);
    history.add([record]);
    if (i % 170 === 0) history.save();
    if (i % 50 === 0) upkeep.step(i * 1e6);
    if (i % 211 !== 0) continue;
    using copy = copyOf(path, `${scratch.path}/copy`);
    assert(copy.history.last <= writer.number);
    copy.history.add(told);
    assertEquals(listed(copy.history), told);
    copy.history.add(told.slice(-100));
    assertEquals(listed(copy.history).length, told.length);
  }
  history.close();
});

Deno.test("each store has an era of its own, in which commits count from 1", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const first = beginHistory(path), writer = new Writer();
  first.add([writer.commit(1, guest(1), { "/a": "1" })]);
  first.close();
  const second = new History({ path, store: "another store", packer });
  assertEquals([second.last, second.needsKeyframe, listed(second)], [0, true, []]);
  second.beginKeyframe(5, []);
  while (second.stepKeyframe());
  second.add([new Writer().commit(6, guest(2), { "/b": "1" })]);
  second.close();
  const again = new History({ path, store: "a store", packer });
  assertEquals(listed(again).map(({ number }) => number), [1]);
  assertEquals(again.last, 1);
  again.close();
});

Deno.test("a history is its owner's, and one daemon's; others' files are left alone", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const history = beginHistory(path);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  const open = (file: string): History => new History({ path: file, store: "a store", packer });
  assertThrows(() => open(path), HistoryError, "is in use by another daemon");
  history.close();
  open(path).close();
  const other = `${scratch.path}/other`;
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE t (x)");
  database.close();
  assertThrows(() => open(other), HistoryError, "is not a history of xs");
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 2");
  newer.close();
  assertThrows(() => open(path), HistoryError, "has layout 2, made by a newer xs");
  Deno.writeTextFileSync(`${scratch.path}/text`, "no database, but long enough for one".repeat(9));
  const damage = assertThrows(() => open(`${scratch.path}/text`), HistoryError);
  assert(damage.isDamage);
  assertThrows(() => open(`${scratch.path}/none/x`), HistoryError, "no such file or directory");
});

Deno.test("what was pruned is in no file after the next checkpoint", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const history = new History({ path, store: "a store", packer: { ...packer, pack: plainPack } });
  history.beginKeyframe(0, [["/secret", textNode("first-secret".repeat(20))]]);
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: DAY });
  while (history.stepKeyframe());
  const writer = new Writer();
  writer.nodes.set("/secret", textNode("first-secret"));
  history.add([
    writer.commit(1, guest(1), { "/secret": "second-secret" }),
    writer.commit(2, guest(1), { "/secret": null }),
  ]);
  history.add(Array.from({ length: 600 }, (_, i) => writer.commit(3, guest(i), { "/x": `${i}` })));
  history.save();
  const holds = (text: string): boolean =>
    ["", "-wal"].some((end) => toText(Deno.readFileSync(path + end)).includes(text));
  assert(holds("first-secret") && holds("second-secret"));
  runUpkeep(upkeep, 3 * DAY);
  runUpkeep(upkeep, 3 * DAY + 30_000_000);
  assertEquals([holds("first-secret"), holds("second-secret")], [false, false]);
  assertEquals(listed(history).length, 602 - 512);
  history.close();
});

function plainPack(bytes: Uint8Array): { packing: number; size: number; bytes: Uint8Array } {
  return { packing: 0, size: bytes.length, bytes };
}

Deno.test("what cannot be written is a gap, which says how many records of whom are missing", () => {
  const history = beginHistory(), writer = new Writer();
  history.add([writer.commit(1, guest(1), { "/a": "1" })]);
  assert(history.save());
  const write = history.commit;
  history.commit = () => false;
  const text = "x".repeat(2_000);
  for (let i = 0; i < 3_000; i++) {
    history.add([writer.commit(10 + i, guest(i % 3 === 0 ? 2 : 3), { [`/b/${i % 7}`]: text })]);
  }
  assertEquals(history.latest.length, 0, "memory is bounded");
  assert(history.needsKeyframe);
  assertEquals(history.beginKeyframe(9_000, walked(writer.nodes)), false);
  history.commit = write;
  assert(history.beginKeyframe(9_000, walked(writer.nodes)));
  while (history.stepKeyframe());
  assert(!history.needsKeyframe);
  history.add([writer.commit(10_000, guest(1), { "/a": "2" })]);
  const [first, gap, last] = listed(history);
  assertEquals([first!.number, last!.number], [1, 3_002]);
  assertEquals(gap, {
    type: "gap",
    number: 3_001,
    at: 3_009,
    first: 2,
    firstAt: 10,
    missing: [{ author: guest(2), count: 1_000 }, { author: guest(3), count: 2_000 }],
  });
  assertEquals(finish(momentAt(history, 1)).inexact(), null);
  assertEquals(finish(momentAt(history, 77)).inexact(), { from: 2, to: 3_001 });
  const moment = finish(momentAt(history, 3_002));
  assertEquals([moment.inexact(), [...moment.nodes].sort()], [null, walked(writer.nodes)]);
  assertEquals(history.era.completeAfter, 3_001);
  history.close();
});

Deno.test("a keyframe that a kill cut short is no keyframe", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store.history`;
  const nodes = Array.from(
    { length: 2_000 },
    (_, i) => [`/n/${`${i}`.padStart(5, "0")}`, textNode("x")] as const,
  );
  const history = new History({ path, store: "a store", packer });
  history.beginKeyframe(1, nodes);
  history.stepKeyframe();
  {
    using copy = copyOf(path, `${scratch.path}/copy`);
    assert(copy.history.needsKeyframe);
    assert(finish(momentAt(copy.history, 0)).inexact() !== null);
    copy.history.beginKeyframe(2, [["/other", textNode("x")]]);
    while (copy.history.stepKeyframe());
    assertEquals([...finish(momentAt(copy.history, 0)).nodes.keys()], ["/other"]);
  }
  while (history.stepKeyframe());
  assertEquals(finish(momentAt(history, 0)).nodes.size, 2_000);
  history.close();
});

Deno.test("behind a restore nothing is known before its keyframe is there", () => {
  const history = beginHistory(), writer = new Writer();
  history.add([writer.commit(1, guest(1), { "/a": "1" })]);
  const restore = { ...writer.commit(2, guest(1), { "/a": "2" }, "restore"), changes: [] };
  history.add([{ ...restore, isKeyframe: true }, writer.commit(3, guest(1), { "/b": "1" })]);
  const inexact = (number: number): unknown => finish(momentAt(history, number)).inexact();
  assertEquals([inexact(1), inexact(2), inexact(3)], [
    null,
    { from: 2, to: Infinity },
    { from: 2, to: Infinity },
  ]);
  assert(history.save() && history.needsKeyframe);
  assert(history.beginKeyframe(4, walked(writer.nodes)));
  while (history.stepKeyframe());
  assertEquals([inexact(1), inexact(3)], [null, null]);
  assert(inexact(2) !== null);
  history.close();
});

Deno.test("a history in memory is the same", () => {
  const history = new History({ path: IN_MEMORY, store: "a store", packer });
  history.beginKeyframe(0, [["/a", { value: toBytes("1"), perms: [0] }]]);
  while (history.stepKeyframe());
  assertEquals([...finish(momentAt(history, 0)).nodes.keys()], ["/a"]);
  history.close();
});
