/** No slice of upkeep is long, whatever was recorded, and one that is cut short leaves nothing wrong. */
import { assert, assertEquals } from "@std/assert";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { PathTable } from "../../lib/history/path_table.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { NodeState } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { HISTORY_BLOCK_BYTES } from "../../lib/limits.ts";
import { dropOldest } from "../../lib/history/pruning.ts";
import type { Slices } from "../../lib/history/slices.ts";
import { thinOldest } from "../../lib/history/thinning.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, finish, guest, packer, walked, Writer } from "./support.ts";

const BOUNDS = { bytes: 400_000, age: 7 * 86_400_000_000 };
/** What one slice may unpack and pack: a block is read or made, a row of a keyframe is changed and may become several. */
const SLICE_BYTES_MAX = 3 * HISTORY_BLOCK_BYTES;
/** Entries of maps and sets, in one slice: a block's filter has the most. */
const SLICE_ENTRIES_MAX = 10_240;

/** What is counted: bytes that are packed or unpacked, and what gets into maps and sets. */
const work = { bytes: 0, entries: 0 };

function countingHistory(): History {
  const counting: typeof packer = {
    pack: (bytes) => {
      work.bytes += bytes.length;
      return packer.pack(bytes);
    },
    unpack: (packed) => {
      work.bytes += packed.size;
      return packer.unpack(packed);
    },
  };
  const history = new History({ path: IN_MEMORY, store: "a store", packer: counting });
  history.beginKeyframe(0, []);
  while (history.stepKeyframe());
  return history;
}

/** Lets upkeep do all that it must, with the most of one slice. */
function mostOf(upkeep: HistoryUpkeep, at: number): { bytes: number; entries: number } {
  const most = { bytes: 0, entries: 0 };
  const { set } = Map.prototype, { add } = Set.prototype;
  Map.prototype.set = function (key, value): Map<unknown, unknown> {
    work.entries++;
    return set.call(this, key, value);
  };
  Set.prototype.add = function (value): Set<unknown> {
    work.entries++;
    return add.call(this, value);
  };
  try {
    for (let isMore = true; isMore;) {
      work.bytes = work.entries = 0;
      isMore = upkeep.step(at) && upkeep.isBehind;
      most.bytes = Math.max(most.bytes, work.bytes);
      most.entries = Math.max(most.entries, work.entries);
    }
  } finally {
    Map.prototype.set = set;
    Set.prototype.add = add;
  }
  return most;
}

function noise(seed: number, length: number): string {
  let text = "", state = seed + 1;
  for (; text.length < length; text += (state >>> 8).toString(36)) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
  }
  return text;
}

type Values = Record<string, string | null>;

/** A chain of so many levels, made or removed. */
function chain(domid: number, levels: number, isMade: boolean): Values {
  const values: Values = {};
  for (let i = 1, path = `/local/domain/${domid}`; i <= levels; i++) {
    values[path += "/a"] = isMade ? "" : null;
  }
  return values;
}

/** What thirty guests do at once, by name: what one commit of a guest changes. */
const FLOODS: Readonly<Record<string, (domid: number, round: number) => Values>> = {
  "deep chains": (domid, round) => chain(domid, 450, round % 2 === 0),
  "large values": (domid, round) => ({
    [`/local/domain/${domid}/data/${round % 20}`]: noise(domid * 1_000 + round, 2_000),
  }),
  "many nodes": (domid, round) => {
    const values: Values = {};
    for (let i = 0; i < 200; i++) values[`/local/domain/${domid}/n/${i}`] = `${round} ${i}`;
    return values;
  },
};

for (const [name, next] of Object.entries(FLOODS)) {
  Deno.test(`no slice of upkeep does more than some blocks' work under a flood of ${name}`, () => {
    const history = countingHistory(), writer = new Writer();
    const upkeep = new HistoryUpkeep(history, BOUNDS);
    const most = { bytes: 0, entries: 0 };
    for (let i = 0; i < 600; i++) {
      const domid = 1 + i % 30, at = i * 1_000;
      history.add([writer.commit(at, guest(domid), next(domid, Math.floor(i / 30)))]);
      const { bytes, entries } = mostOf(upkeep, at);
      most.bytes = Math.max(most.bytes, bytes);
      most.entries = Math.max(most.entries, entries);
    }
    assert(history.horizon!.number > 0 || history.thinned.length > 0, "nothing was pruned");
    assert(most.bytes <= SLICE_BYTES_MAX, `${most.bytes} bytes in one slice`);
    assert(most.entries <= SLICE_ENTRIES_MAX, `${most.entries} entries in one slice`);
    // The numbers of paths begin again behind all work.
    while (upkeep.step(600_000));
    assertEquals(history.blocks.table.number("/new"), new PathTable().number("/new"));
    history.close();
  });
}

/** Bytes of the log that one checkpoint may move: {@link HISTORY_LOG_BYTES}, a slice, and what SQLite adds. */
const LOG_BYTES_MAX = 800_000;

Deno.test("no checkpoint of the history moves much at once", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`;
  const history = beginHistory(path), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, { ...BOUNDS, bytes: 100 * BOUNDS.bytes });
  let most = 0;
  for (let i = 0; i < 1_200; i++) {
    const domid = 1 + i % 30, at = i * 1_000;
    history.add([writer.commit(at, guest(domid), FLOODS["large values"]!(domid, i))]);
    for (let isMore = true; isMore;) {
      isMore = upkeep.step(at) && upkeep.isBehind;
      most = Math.max(most, Deno.statSync(`${path}-wal`).size);
    }
  }
  history.close();
  assert(most <= LOG_BYTES_MAX, `${most} bytes in the log`);
});

/** Two blocks of small changes by two guests to nodes in several rows of the keyframe. */
function blocksOfTwo(): [History, ReadonlyMap<string, NodeState>[]] {
  const history = beginHistory(), writer = new Writer();
  const truths: ReadonlyMap<string, NodeState>[] = [new Map()];
  const add = (domid: number, values: Values): void => {
    history.add([writer.commit(writer.number * 1e6, guest(domid), values)]);
    truths.push(new Map(writer.nodes));
  };
  const all: Values = {};
  for (let i = 0; i < 800; i++) all[`/n/${i}`] = "first";
  add(1, all);
  history.beginKeyframe(1, walked(writer.nodes));
  while (history.stepKeyframe());
  for (let i = 0; history.closed.length < 3; i++) {
    add(1 + i % 2, { [`/n/${i * 37 % 800}`]: `${i}`, [`/n/${i * 41 % 800}`]: null });
  }
  finish(dropOldest(history));
  assertEquals(history.horizon!.number, 1);
  return [history, truths];
}

/** Each moment that the history says it knows is what was there then; returns how many those are. */
function checkMoments(history: History, truths: readonly ReadonlyMap<string, NodeState>[]): number {
  const values = (nodes: Iterable<[string, NodeState]>): Map<string, unknown> =>
    new Map([...nodes].map(([path, { value }]) => [path, value]));
  let known = 0;
  for (let number = history.horizon!.number; number <= history.last; number += 25) {
    const moment = finish(momentAt(history, number));
    if (moment.inexact("/") !== null) continue;
    assertEquals(values(moment.nodes), values(truths[number]!), `at ${number}`);
    known++;
  }
  return known;
}

const WORK: Readonly<Record<string, (history: History) => Slices>> = {
  pruning: dropOldest,
  thinning: (history) => thinOldest(history, new Set(["domain 2 2"]), Infinity),
};

for (const [name, begin] of Object.entries(WORK)) {
  Deno.test(`${name} that is given up behind any slice leaves each moment right, or not known`, () => {
    let isDone = false, known = 0;
    for (let slices = 1; !isDone; slices++) {
      const [history, truths] = blocksOfTwo(), work = begin(history);
      for (let n = 0; n < slices && !isDone; n++) isDone = work.next().done === true;
      known += checkMoments(history, truths);
      // The next time it comes to its end.
      while (finish(dropOldest(history)));
      assertEquals(history.thinned.filter(({ count }) => count === 0), []);
      known += checkMoments(history, truths);
      history.close();
    }
    assert(known > 20, `only ${known} moments were known`);
  });
}
