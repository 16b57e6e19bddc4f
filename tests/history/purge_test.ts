/** Paths are taken out of a history for good: no byte of their values is left in a file, and all else stays as it was. */
import { DatabaseSync } from "node:sqlite";
import { inflateRawSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import { History } from "../../lib/history/history.ts";
import { purge } from "../../lib/history/purge.ts";
import { lastOfLog, log } from "../../lib/history/queries.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { Author, HistoryRecord } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { readCarried } from "../../lib/journal/store_file.ts";
import { RIDING_ROWS_A_STEP } from "../../lib/limits.ts";
import { Replay } from "../../lib/journal/replay.ts";
import { emptyTree } from "../../lib/state/checked_records.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";
import { openRecorded } from "../support/recorded_engine.ts";
import { makeScratch } from "../support/scratch.ts";
import { toText } from "../../lib/wire/text.ts";
import { listedPlain, RecordedLife } from "./recorded_life.ts";
import {
  beginHistory,
  damageBlock,
  finish,
  guest,
  listed,
  packer,
  walked,
  Writer,
} from "./support.ts";

const SECRET = "hunter-seven";
/** What rewrites nothing and drops nothing. */
const BOUNDS = { bytes: 1e9, age: Infinity };

const TOOL: Author = {
  kind: "process",
  domid: 0,
  pid: 7,
  startTime: null,
  uid: 0,
  command: `xs write /a/key ${SECRET}`,
};

/** Where the secret can be found, also in what is compressed. */
function traces(path: string): string[] {
  const found: string[] = [];
  for (const end of ["", "-wal", "-journal"]) {
    let bytes: Uint8Array;
    try {
      bytes = Deno.readFileSync(path + end);
    } catch {
      continue;
    }
    if (toText(bytes).includes(SECRET)) found.push(`${path}${end}`);
  }
  const database = new DatabaseSync(path, { readOnly: true });
  for (
    const sql of [
      "SELECT packing, records AS b FROM blocks",
      "SELECT packing, nodes AS b FROM pieces",
    ]
  ) {
    for (const { b, packing } of database.prepare(sql).all()) {
      // That of a damaged block.
      if ((b as Uint8Array).length === 0) continue;
      const bytes = packing === 1 ? inflateRawSync(b as Uint8Array) : b as Uint8Array;
      if (toText(new Uint8Array(bytes)).includes(SECRET)) found.push(sql);
    }
  }
  database.close();
  return found;
}

/** A history with the secret in compressed blocks, in a keyframe, and in the block that grows. */
function fill(path: string): { history: History; writer: Writer; count: number } {
  const history = beginHistory(path), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, BOUNDS);
  let count = 0;
  const some = (commits: number): void => {
    for (let i = 0; i < commits; i++) {
      const at = (writer.number + 1) * 10_000_000;
      const isIn = i % 100 === 7;
      const was = writer.nodes.has("/a/key/sub");
      const key = isIn ? { "/a/key/sub": `${SECRET} ${writer.number}` } : {};
      if (isIn) count += was ? 2 : 1;
      const author = isIn ? TOOL : guest(i % 5);
      history.add([
        writer.commit(at, author, { [`/b/${i % 50}`]: `${i}`, "/a/keys": `${i}`, ...key }),
      ]);
    }
  };
  some(1_200);
  while (upkeep.step(writer.number * 10_000_000));
  history.beginKeyframe(writer.number * 10_000_000, walked(writer.nodes));
  count++;
  while (history.stepKeyframe());
  some(700);
  history.save();
  assert(history.closed.length >= 3 && history.latest.length > 0);
  return { history, writer, count };
}

/** What is to be left of records. */
function hidden(records: readonly HistoryRecord[]): HistoryRecord[] {
  return records.map((record) => {
    if (record.type !== "commit" || record.author.kind !== "process") return record;
    const hide = <N extends { value: unknown } | null>(node: N): N =>
      node === null ? node : { ...node, value: { redacted: (node.value as Uint8Array).length } };
    const changes = record.changes.map((change) =>
      change.path.startsWith("/a/key/")
        ? { ...change, old: hide(change.old), new: hide(change.new) }
        : change
    );
    return { ...record, author: { ...record.author, command: "xs" }, changes };
  });
}

Deno.test("a purge leaves no byte of the values, and all else as it was", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, { count, history, writer } = fill(path);
  const before = listed(history), moment = finish(momentAt(history, 1_300));
  assertEquals(traces(`${await copied(path, scratch.path, "before")}`).length > 0, true);
  assertEquals(finish(purge(history, ["/a/key"])), count);
  assertEquals(listed(history), hidden(before));
  const after = finish(momentAt(history, 1_300));
  assertEquals(after.inexact(), null);
  for (const [node, state] of moment.nodes) {
    if (node !== "/a/key/sub") assertEquals(after.nodes.get(node), state);
  }
  assert("redacted" in after.nodes.get("/a/key/sub")!.value);
  assertEquals(after.nodes.size, moment.nodes.size);
  assertEquals(finish(purge(history, ["/a/key"])), 0);
  history.checkpoint();
  assertEquals(traces(await copied(path, scratch.path, "after")), []);
  // It goes on as before.
  history.add([writer.commit(writer.number * 10_000_000 + 5, guest(1), { "/b/1": "on" })]);
  assertEquals(finish(lastOfLog(history, {}, 1)).length, 1);
  history.close();
  const again = new History({ path, store: "a store", packer });
  assertEquals(listed(again).slice(0, before.length), hidden(before));
  again.close();
  assertEquals(traces(path), []);
});

async function copied(path: string, to: string, name: string): Promise<string> {
  const copy = `${to}/${name}`;
  for (const end of ["", "-wal"]) {
    await Deno.copyFile(path + end, copy + end).catch(() => {});
  }
  return copy;
}

Deno.test("a kill in the middle of a purge leaves what a second one completes", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, { history } = fill(path), before = listed(history);
  const steps = purge(history, ["/a/key"]);
  let done = false;
  for (let step = 0; !done; step++) {
    done = steps.next().done === true;
    const copy = await copied(path, scratch.path, `killed-${step}`);
    const next = new History({ path: copy, store: "a store", packer });
    finish(purge(next, ["/a/key"]));
    assertEquals(listed(next), hidden(before), `step ${step}`);
    next.checkpoint();
    next.close();
    assertEquals(traces(copy), [], `step ${step}`);
  }
  history.close();
});

Deno.test("a damaged block stays damaged, and loses its bytes", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, { history } = fill(path);
  const { block, first, last } = history.closed[0]!;
  history.close();
  damageBlock(path, block);
  const next = new History({ path, store: "a store", packer });
  finish(purge(next, ["/a/key"]));
  const damage = [...log(next, {})].filter((one) => one !== null && "head" in one);
  assertEquals(damage.map((one) => "head" in one! ? [one.head.first, one.head.last] : []), [[
    first,
    last,
  ]]);
  next.checkpoint();
  next.close();
  assertEquals(traces(path), []);
});

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`what rides with the turns of a daemon is purged, too: ${durability}`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`, said: string[] = [];
    const say = (_: string, text: string): void => void said.push(text);
    const options = { durability, log: say, tailBytes: 65_536 };
    const { engine, journal, ...recorded } = openRecorded(path, options);
    const keeper = recorded.keeper!;
    const client = new Client(engine, 0);
    // Compressing is loaded beside the start.
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (let i = 0; i < 40; i++) {
      client.ask(T.WRITE, `/a/key\0${SECRET} ${i}`);
      assert(journal.commit());
    }
    const ridden = (): string[] => {
      const carried = readCarried(path, new Replay(emptyTree()));
      return (carried?.bytes ?? []).map((bytes) => toText(bytes));
    };
    assert(ridden().some((text) => text.includes(SECRET)));
    const replies = [keeper.purges.begin(["/a/key"]), keeper.purges.begin(["/a/key"])];
    assertEquals(replies, ["purge 1", "purge 2"]);
    while (keeper.purges.isUnderWay) {
      keeper.maintain(false);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // Each but the first has an old value as well.
    assertEquals(keeper.purges.status("1"), "done 79", said.join("\n"));
    assertEquals([keeper.purges.status("2"), keeper.purges.status("3")], ["done 0", null]);
    assertEquals(ridden().filter((text) => text.includes(SECRET)), []);
    assert(!toText(Deno.readFileSync(`${path}.tail`)).includes(SECRET), "the tail is overwritten");
    assertEquals(traces(await copied(`${path}.history`, scratch.path, "copy")), []);
    client.ask(T.WRITE, "/b\0on");
    assert(journal.commit());
    assertEquals(keeper.history!.latest.at(-1)?.type, "commit");
    journal.close();
    keeper.close();
    assertEquals(said, []);
  });
}

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`what rides with turns that come during a purge stays until the history has it: ${durability}`, async () => {
    await using scratch = await makeScratch();
    const life = new RecordedLife(`${scratch.path}/store`, { durability });
    const write = (): void => {
      life.clients[0]!.ask(T.WRITE, "/a\0on");
      life.turn();
    };
    for (let turns = 0; turns < 2 * RIDING_ROWS_A_STEP; turns++) write();
    let steps = 0;
    for (const _ of life.journal.forgetRiding()) {
      write();
      assert(++steps < 10, "it does not go on with the turns that come meanwhile");
    }
    life.copyTo(`${scratch.path}/copy`);
    const next = new RecordedLife(`${scratch.path}/copy`, { durability });
    const numbers = listedPlain(next.history).map(({ number, type }) => `${type} ${number}`);
    assertEquals(
      numbers,
      Array.from({ length: life.history.last + 1 }, (_, i) => `commit ${i + 1}`),
    );
    next.end();
    life.end();
  });
}
