/** The daemon's dumps and restores: one at a time, slice by slice, and given up without a trace. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NoJournal } from "../../lib/journal/journal.ts";
import { decodeStream } from "../../lib/migrate/stream.ts";
import { Archivist } from "../../lib/server/archive/archivist.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/turn.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../engine/clients.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";

interface World {
  readonly archivist: Archivist;
  readonly turns: Turns;
  readonly client: Client;
  readonly log: string[];
}

/** A daemon without its loop; with so many nodes that a dump takes several turns. */
function makeWorld(nodes: number): World {
  const engine = newEngine(), log: string[] = [];
  const journal = new NoJournal();
  const note = (level: string, text: string): void => void log.push(`${level}: ${text}`);
  const turns = new Turns(engine, journal, new Trace(), note);
  const archivist = new Archivist(engine.state, turns, journal, note);
  const client = new Client(engine, 0);
  for (let i = 0; i < nodes; i++) client.ask(MessageType.WRITE, `/bulk/${i}\0some value`);
  return { archivist, turns, client, log };
}

/** Turns until there is no job; returns how many turns that took. */
function turnOut(turns: Turns): number {
  let count = 0;
  for (; turns.job !== null; count++) {
    assert(turns.pending);
    turns.turn(count);
  }
  return count;
}

Deno.test("archivist: a dump is made turn by turn, and said to be done when it is whole", async () => {
  await using scratch = await makeScratch();
  const { archivist, log, turns } = makeWorld(30_000);
  const file = `${scratch.path}/dump`;
  assertEquals(archivist.dump(file, null), "job 1");
  turns.turn(0);
  assertMatch(archivist.status("1")!, /^running [1-9]\d* of \d+$/);
  assertMatch(archivist.dump(`${scratch.path}/other`, null), /^busy with the dump to .*\/dump: /);
  const order = { file, mapping: null, check: false, overQuota: true };
  assertMatch(archivist.restore(order), /^busy /);
  assert(turnOut(turns) > 1);
  assertMatch(archivist.status("1")!, /^done \d+ records, \d+ bytes$/);
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
  assert(decodeStream(Deno.readFileSync(file)).records.length > 30_000);
  assertMatch(log.join(), /info: dump to /);
  assertEquals([archivist.status("2"), archivist.status(""), archivist.status("01")], [
    null,
    null,
    null,
  ]);
  assertEquals(archivist.restore(order), "job 2");
  assertEquals(archivist.status("1"), null);
  turnOut(turns);
  assertMatch(archivist.status("2")!, /^done \{"nodes":/);
});

Deno.test("archivist: no file is overwritten, no link followed", async () => {
  await using scratch = await makeScratch();
  const { archivist } = makeWorld(0);
  const link = `${scratch.path}/link`, file = `${scratch.path}/file`;
  Deno.writeTextFileSync(file, "mine");
  Deno.symlinkSync(`${scratch.path}/elsewhere`, link);
  for (const path of [file, link, `${scratch.path}/none/file`, scratch.path]) {
    assertMatch(archivist.dump(path, null), /^cannot make /);
  }
  assertEquals(Deno.readTextFileSync(file), "mine");
  assertEquals([...Deno.readDirSync(scratch.path)].length, 2);
});

Deno.test("archivist: a job that fails says why, and leaves nothing", async () => {
  await using scratch = await makeScratch();
  const { archivist, client, log, turns } = makeWorld(0);
  const order = { file: `${scratch.path}/none`, mapping: null, check: false, overQuota: true };
  assertEquals(archivist.restore(order), "job 1");
  turnOut(turns);
  assertMatch(archivist.status("1")!, /^failed no such file or directory: /);
  assertMatch(log.join(), /warning: restore of /);
  // To wait for a pipe would be to let everybody wait.
  const pipe = `${scratch.path}/pipe`;
  assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  assertEquals(archivist.restore({ ...order, file: pipe }), "job 2");
  turnOut(turns);
  assertEquals(archivist.status("2"), `failed ${pipe} is no ordinary file`);
  Deno.removeSync(pipe);
  // A value that no stream can hold: nobody could have written it.
  const { state } = client.engine;
  client.ask(MessageType.WRITE, "/big\0x");
  state.find("/big")!.value = new Uint8Array(70_000);
  assertEquals(archivist.dump(`${scratch.path}/dump`, null), "job 3");
  turnOut(turns);
  assertMatch(archivist.status("3")!, /^failed /);
  assertEquals([...Deno.readDirSync(scratch.path)], []);
});

Deno.test("archivist: a full disk is told in one line, without a stack", async () => {
  await using scratch = await makeScratch();
  await using disk = await smallDisk(scratch.path);
  if (disk === null) return console.log("no right to mount a small file system: nothing is tested");
  const { archivist, log, turns } = makeWorld(30_000);
  fillUp(`${scratch.path}/full`);
  const file = `${scratch.path}/dump`;
  assertEquals(archivist.dump(file, null), "job 1");
  turnOut(turns);
  const why = `cannot write ${file}: no space left on the file system`;
  assertEquals(archivist.status("1"), `failed ${why}`);
  assertEquals(log.filter((line) => line.includes("dump")), [`warning: dump to ${file}: ${why}`]);
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), ["full"]);
});

Deno.test("archivist: what is given up at the end of the daemon leaves no half", async () => {
  await using scratch = await makeScratch();
  const { archivist, turns } = makeWorld(30_000);
  assertEquals(archivist.dump(`${scratch.path}/dump`, null), "job 1");
  turns.turn(0);
  assert(Deno.statSync(`${scratch.path}/dump`).size > 0 && turns.job !== null);
  turns.job.abandon();
  assertEquals([...Deno.readDirSync(scratch.path)], []);
});
