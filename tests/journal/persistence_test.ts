/** What becomes of a store file at the start: of an earlier boot, or damaged. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/journal/byte_reader.ts";
import { JournalError, openDatabase } from "../../lib/journal/database.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { StoreJournal } from "../../lib/journal/store_journal.ts";
import { handleDamage, openJournal, type PersistenceChoice } from "../../lib/server/persistence.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "./lives.ts";

function choose(folder: string, onDamage: "refuse" | "fresh"): PersistenceChoice {
  return { persist: "crash", store: `${folder}/store`, onDamage };
}

function open(choice: PersistenceChoice, lines: string[]): StoreJournal {
  const journal = openJournal(choice, "unused", (level, text) => lines.push(`${level}: ${text}`));
  assert(journal instanceof StoreJournal);
  return journal;
}

Deno.test("store file: one of an earlier boot is put aside", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), lines: string[] = [];
  const before = openStore(choice.store!, { durability: "crash", log: () => {} });
  before.about.set("boot_id", "another");
  before.about.set("mark", "old");
  before.journal.close();
  open(choice, lines).close();
  const now = openStore(choice.store!, { durability: "crash", log: () => {} });
  assertEquals(now.about.get("mark"), null);
  now.journal.close();
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, `it is now ${scratch.path}/store.old`);
  assert(Deno.statSync(`${scratch.path}/store.old`).size > 0);
});

Deno.test("store file: a damaged one of an earlier boot is put aside, too", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), lines: string[] = [];
  open(choice, lines).close();
  const path = `${scratch.path}/store`;
  Deno.truncateSync(path, 5000);
  Deno.utimeSync(path, 1, 1);
  open(choice, lines).close();
  assertStringIncludes(lines.join(), `was of an earlier boot of this host: it is now ${path}.old`);
});

/** Files as a daemon of boot `boot` that was killed has left them; some are last written long ago. */
function leave(path: string, boot: string, oldOnes: readonly string[]): void {
  const life = new Life(new Hypervisor(), `${path}-life`, undefined, "crash", boot);
  for (let i = 0; i < 60; i++) {
    life.ask(0, MessageType.WRITE, `/n${i}\0${"x".repeat(900)}`);
    life.journal.commit();
    life.journal.tend(false);
  }
  life.copyFiles(path);
  life.close();
  for (const name of oldOnes) Deno.utimeSync(path + name, 1, 1);
}

const FILES = ["", "-wal", ".tail"];

Deno.test("store file: who is killed while one is put aside has the next go on with that", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), path = choice.store!, lines: string[] = [];
  // A store with its log only, and nothing else, would be no less than an empty one to SQLite.
  for (const moved of [[""], ["", "-wal"], ["", ".tail"]]) {
    leave(path, "another", FILES);
    for (const name of moved) Deno.renameSync(path + name, `${path}.old${name}`);
    open(choice, lines).close();
    const before = openStore(`${path}.old`, { durability: "crash", log: () => {} });
    assertEquals(before.about.get("boot_id"), "another");
    before.journal.close();
    assertStringIncludes(lines.at(-1)!, "warning: the store file");
    Deno.removeSync(path);
  }
  assertEquals(lines.length, 3);
});

Deno.test("store file: one that is missing beside its log is not begun anew", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), path = choice.store!;
  for (const missing of [[""], ["", "-wal"], ["", ".tail"]]) {
    leave(path, "this", []);
    for (const name of missing) Deno.removeSync(path + name);
    const left = FILES.filter((name) => !missing.includes(name));
    const before = left.map((name) => Deno.readFileSync(path + name));
    assertThrows(() => open(choice, []), DamagedError, "it is missing, but there is");
    assertEquals(left.map((name) => Deno.readFileSync(path + name)), before);
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
    for (const name of left) Deno.removeSync(path + name);
  }
});

Deno.test("store file: a damaged one of this boot is not taken for older, whatever the clock", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), path = choice.store!;
  open(choice, []).close();
  const now = openStore(path, { durability: "crash", log: () => {} });
  const boot = now.about.get("boot_id")!;
  now.journal.close();
  Deno.removeSync(path);
  // The file itself was last written before the clock was set, its log afterwards.
  leave(path, boot, []);
  Deno.truncateSync(path, 50);
  Deno.utimeSync(path, 1, 1);
  assertThrows(() => open(choice, []), DamagedError);
  for (const name of FILES) Deno.removeSync(path + name);
  // All of it was, but it says itself of which boot it is.
  leave(path, boot, FILES);
  Deno.removeSync(`${path}.tail`);
  assertThrows(() => open(choice, []), DamagedError, "last turns");
});

Deno.test("store file: one that another choice leaves behind is put aside", async () => {
  await using scratch = await makeScratch();
  const lines: string[] = [], socket = `${scratch.path}/socket`;
  const log = (_level: string, text: string): void => void lines.push(text);
  const start = (persist: "none" | "crash"): void =>
    openJournal({ persist, onDamage: "refuse" }, socket, log).close();
  start("none");
  start("crash");
  start("crash");
  assertEquals(lines, []);
  start("none");
  const aside = `${socket}.store.old`;
  assertEquals(lines, [
    `the store file ${socket}.store is not used by this daemon: it is now ${aside}`,
  ]);
  assert(Deno.statSync(aside).isFile);
});

Deno.test("store file: on disk, the domains of an earlier boot are dead", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor(), path = `${scratch.path}/store`;
  for (const domid of [0, 1]) hypervisor.create(domid);
  const first = new Life(hypervisor, path, undefined, "disk", "boot 1");
  first.ask(0, MessageType.INTRODUCE, "1\x001\x003\0");
  for (const node of ["/a", "/b"]) first.ask(0, MessageType.WRITE, `${node}\0x`);
  first.ask(0, MessageType.SET_PERMS, "/a\0n1\0");
  first.journal.commit();
  first.close();
  // By chance somebody has the same domid and unique id again.
  for (const boot of ["boot 2", "boot 2"]) {
    const life = new Life(hypervisor, path, undefined, "disk", boot);
    life.journal.commit();
    assertEquals(life.state.domains.get(1), undefined);
    assertEquals(life.ask(0, MessageType.READ, "/a\0"), "ERROR ENOENT\0");
    assertEquals(life.ask(0, MessageType.READ, "/b\0"), "READ x");
    life.close();
  }
});

Deno.test("store file: a damaged one stays, or is moved aside where that is wanted", async () => {
  await using scratch = await makeScratch();
  const lines: string[] = [];
  const log = (level: string, text: string): void => void lines.push(`${level}: ${text}`);
  const refusing = choose(scratch.path, "refuse"), fresh = choose(scratch.path, "fresh");
  open(refusing, lines).close();
  const path = `${scratch.path}/store`;
  Deno.truncateSync(path, 5000);
  const damage = assertThrows(() => openJournal(refusing, "unused", log), DamagedError);
  const refusal = assertThrows(() => handleDamage(refusing, "unused", damage, log), JournalError);
  assertStringIncludes(refusal.message, "is damaged");
  assertStringIncludes(refusal.message, "--on-damage fresh");
  assertEquals(Deno.statSync(path).size, 5000);
  handleDamage(fresh, "unused", damage, log);
  assertStringIncludes(lines.at(-1)!, "error: the store file");
  assertStringIncludes(lines.at(-1)!, "EMPTY store");
  const aside = [...Deno.readDirSync(scratch.path)].map(({ name }) => name)
    .filter((name) => /^store\.damaged-[0-9TZ]+$/.test(name));
  assertEquals(aside.length, 1);
  assertEquals(Deno.statSync(`${scratch.path}/${aside[0]}`).size, 5000);
  open(fresh, lines).close();
});

Deno.test("store file: every commit of --persist disk ends in an fsync", async () => {
  await using scratch = await makeScratch();
  const database = openDatabase(`${scratch.path}/store`, "disk");
  // 2 is FULL: in WAL mode the log is synchronised with each commit.
  assertEquals(database.prepare("PRAGMA synchronous").get()?.["synchronous"], 2);
  assertEquals(database.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
  database.close();
});
