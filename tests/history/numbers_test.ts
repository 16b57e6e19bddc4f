/** The history never gives a number twice, even when there is no space for its record. */
import { assert, assertEquals } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import type { Durability } from "../../lib/journal/database.ts";
import type { Recorder } from "../../lib/history/recorder.ts";
import type { Gap } from "../../lib/history/record.ts";
import { HISTORY_NUMBERS_RESERVED } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import type { Client } from "../support/engine_client.ts";
import { openRecorded } from "../support/recorded_engine.ts";
import { makeScratch } from "../support/scratch.ts";
import { listedPlain, RecordedLife } from "./recorded_life.ts";

/** The last number that was given, whether or not the history has it. */
function lastGiven({ keeper }: RecordedLife): number {
  return (keeper!.listener as Recorder).last;
}

/** From now on neither the store file nor the history's can grow. */
function fillDisk(life: RecordedLife): void {
  life.journal.settle();
  const { database } = life.journal.about as unknown as { readonly database: DatabaseSync };
  database.exec("PRAGMA max_page_count = 1");
  life.history.commit = () => false;
}

function fillStore(life: RecordedLife): void {
  while (!life.journal.full) {
    life.clients[1]!.ask(T.WRITE, `/large\0${"x".repeat(2_000)}`);
    assert(life.journal.commit());
  }
}

/** Transactions that must end in EAGAIN. */
function doomed(life: RecordedLife, count: number): number[] {
  const [client, other] = life.clients as [Client, Client], all: number[] = [];
  for (let i = 0; i < count; i++) {
    const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    client.ask(T.READ, "/seen\0", id);
    client.ask(T.WRITE, "/own\x001", id);
    all.push(id);
  }
  other.ask(T.WRITE, "/seen\x001");
  life.turn();
  return all;
}

/** Ends transactions in EAGAIN; these turns change nothing else. */
function abort(life: RecordedLife, ids: readonly number[]): void {
  const [client] = life.clients as [Client];
  for (const id of ids) {
    // While there is no space, only transactions that the daemon gave up end so.
    if (life.journal.full) {
      const { state } = life.engine;
      state.giveUpTransaction(client.connection.transactions.get(id)!);
    }
    assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "ERROR EAGAIN\0");
    assert(life.journal.commit());
  }
}

/** Checks that the next daemon's numbers follow all that were given, each of which is in the history or in a gap. Returns the gaps. */
function checkNext(life: RecordedLife, path: string, durability: Durability = "crash"): Gap[] {
  const next = new RecordedLife(path, { durability });
  const all = listedPlain(next.history), gaps = all.filter((record) => record.type === "gap");
  const start = all.pop()!;
  assert(start.type === "commit" && start.kind === "start");
  assert(start.number > lastGiven(life), `#${start.number}, after #${lastGiven(life)}`);
  let last = 0;
  for (const record of all) {
    assertEquals(record.type === "gap" ? record.first : record.number, last + 1);
    last = record.number;
  }
  assertEquals(last, start.number - 1);
  next.end();
  return gaps;
}

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`aborts alone on a full disk, then a kill: no number comes again: ${durability}`, async () => {
    await using scratch = await makeScratch();
    const life = new RecordedLife(`${scratch.path}/store`, { durability });
    const ids = doomed(life, 300);
    fillDisk(life);
    let gaps: Gap[] = [];
    const check = (): void => {
      const copy = `${scratch.path}/copy-${ids.length}`;
      life.copyTo(copy);
      gaps = checkNext(life, copy, durability);
    };
    while (ids.length > 20) {
      abort(life, ids.splice(0, 20));
      check();
    }
    assert(gaps.length > 0, "the tail has no room for all");
    fillStore(life);
    check();
    abort(life, ids);
    check();
    life.end();
  });
}

Deno.test("more numbers are given on a full disk than were reserved before", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, life = new RecordedLife(path);
  const recorder = life.keeper!.listener as Recorder, ids = doomed(life, 1);
  fillDisk(life);
  fillStore(life);
  recorder.begin(recorder.last + 2 * HISTORY_NUMBERS_RESERVED);
  abort(life, ids);
  life.copyTo(`${scratch.path}/copy`);
  checkNext(life, `${scratch.path}/copy`);
  // The same holds if the next daemon cannot open its history.
  life.copyTo(`${scratch.path}/without`);
  Deno.removeSync(`${scratch.path}/without.history`);
  Deno.mkdirSync(`${scratch.path}/without.history`);
  const { journal, keeper } = openRecorded(`${scratch.path}/without`);
  assertEquals(keeper!.history, null);
  assert((keeper!.listener as Recorder).last > lastGiven(life));
  journal.close();
  life.end();
});

Deno.test("a new store's history has had no space yet when turns are forgotten, then a kill: there is a gap", async () => {
  await using scratch = await makeScratch();
  const life = new RecordedLife(`${scratch.path}/store`), [client] = life.clients as [Client];
  assertEquals(life.history.era.last, 0, "the file has no record");
  life.history.commit = () => false;
  for (let turns = 0; turns < 30; turns++) {
    // More than the tail has room for.
    client.ask(T.WRITE, `/a\0${"x".repeat(2_000)}`);
    life.turn();
  }
  life.copyTo(`${scratch.path}/copy`);
  const gaps = checkNext(life, `${scratch.path}/copy`);
  assertEquals(gaps.length, 1);
  life.end();
});

Deno.test("an orderly end that cannot save the history: no number comes again", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, life = new RecordedLife(path);
  const ids = doomed(life, 3);
  life.journal.settle();
  life.history.commit = () => false;
  abort(life, ids);
  life.end();
  checkNext(life, path);
});

Deno.test("numbers of aborts while the history is not open are given once", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, life = new RecordedLife(path);
  const ids = doomed(life, 3);
  life.journal.settle();
  life.history.add = () => {
    throw new Error("it breaks");
  };
  abort(life, ids);
  assertEquals(life.keeper!.history, null);
  const given = lastGiven(life);
  life.end();
  const next = new RecordedLife(path);
  assert(next.history.last > given, `${next.history.last}, after ${given}`);
  next.end();
});
