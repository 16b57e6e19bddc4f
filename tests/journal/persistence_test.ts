/** What becomes of a store file at the start: of an earlier boot, or damaged. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { removeIfThere } from "../../lib/files.ts";
import { JournalError, openDatabase } from "../../lib/journal/database.ts";
import { check } from "../../lib/engine/recount.ts";
import { State } from "../../lib/engine/state.ts";
import { readStoreArchive } from "../../lib/archive/store_source.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import { toText } from "../../lib/wire/text.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { StoreJournal } from "../../lib/journal/store_journal.ts";
import { handleDamage } from "../../lib/server/persistence/damaged_store.ts";
import { openJournal, type PersistenceChoice } from "../../lib/server/persistence/persistence.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "../support/lives.ts";

function choose(folder: string, onDamage: "refuse" | "fresh"): PersistenceChoice {
  return { persist: "crash", store: `${folder}/store`, onDamage };
}

function open(choice: PersistenceChoice, lines: string[]): StoreJournal {
  const journal = openJournal(
    choice,
    "unused",
    (level, text) => lines.push(`${level}: ${text}`),
    systemClock,
  );
  assert(journal instanceof StoreJournal);
  return journal;
}

const MODES = ["crash", "disk"] as const;

/** A store of an earlier boot: as a daemon leaves it at its end, or when it is killed. */
function leaveOld(path: string, persist: "crash" | "disk", isKilled: boolean): void {
  const hypervisor = new Hypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const life = new Life(hypervisor, `${path}-life`, undefined, persist, "another");
  life.ask(0, MessageType.INTRODUCE, "1\x001\x003\0");
  for (const node of ["/local/domain/1/name", "/kept/a", "/kept/b", "/libxl/1"]) {
    life.ask(0, MessageType.WRITE, `${node}\0of before`);
  }
  life.ask(0, MessageType.SET_PERMS, "/kept/b\0n1\0");
  life.journal.commit();
  if (isKilled) life.copyFiles(path);
  life.close();
  if (!isKilled) Deno.copyFileSync(`${path}-life`, path);
  for (const name of FILES) removeIfThere(`${path}-life${name}`);
}

/** The nodes of a store, by the dump of its file. */
function nodesOf(path: string): string[] {
  return readStoreArchive(path, null, "store").records.flatMap((record) =>
    record.kind === "node" && record.path !== "/" && !/^(?:@|\/tool)/.test(record.path)
      ? [record.path]
      : []
  );
}

const OLD_NODES = ["/kept", "/kept/a", "/kept/b", "/libxl", "/libxl/1"];

function isAside(names: Iterable<Deno.DirEntry>): string[] {
  return [...names].map(({ name }) => name).filter((name) =>
    !/\.(?:tail|reserve)$|-wal$/.test(name)
  ).sort();
}

Deno.test("store file: one of an earlier boot is put aside, and the daemon begins as on a new host", async () => {
  for (const persist of MODES) {
    for (const isKilled of [false, true]) {
      await using scratch = await makeScratch();
      const choice = { ...choose(scratch.path, "refuse"), persist }, lines: string[] = [];
      const path = choice.store!;
      // One that was put aside before that goes.
      for (const round of [1, 2]) {
        leaveOld(path, persist, isKilled);
        const journal = open(choice, lines);
        assertEquals(journal.recover(new State({ domains: new Hypervisor() })), null);
        journal.close();
        assertEquals(lines.length, round);
        assertEquals(
          lines.at(-1),
          `info: the store file ${path} is from an earlier boot of this host: it is now ${path}.old`,
        );
        assert(OLD_NODES.every((node) => nodesOf(`${path}.old`).includes(node)));
        assertEquals(isAside(Deno.readDirSync(scratch.path)), ["store", "store.old"]);
        // The next start of this boot goes on with it.
        open(choice, lines).close();
        assertEquals(lines.length, round);
        Deno.removeSync(path);
      }
    }
  }
});

Deno.test("store file: after a boot it has what is to be kept, and nothing else", async () => {
  for (const persist of MODES) {
    for (const isKilled of [false, true]) {
      await using scratch = await makeScratch();
      const keep = { globs: ["/kept/*"], domid: 0 }, lines: string[] = [];
      const choice = { ...choose(scratch.path, "refuse"), persist, keep }, path = choice.store!;
      leaveOld(path, persist, isKilled);
      const journal = open(choice, lines);
      const state = new State({ domains: new Hypervisor() });
      assert(journal.recover(state) !== null);
      journal.close();
      const value = (node: string): string => toText(state.find(node)!.value);
      assertEquals([value("/kept"), value("/kept/a"), value("/kept/b")], [
        "",
        "of before",
        "of before",
      ]);
      assertEquals(formatPerms(state.find("/kept/b")!.perms), "n0");
      for (const gone of ["/local", "/libxl"]) assertEquals(state.find(gone), null);
      assertEquals(check(state), []);
      assertEquals(lines, [
        `info: the store file ${path}: after a boot of the host it keeps /kept/*`,
        `info: the store file ${path} is from an earlier boot of this host: it is now ${path}.old, ` +
        "except 2 kept nodes, without 1 permission entry for earlier domains",
      ]);
      assert(nodesOf(`${path}.old`).includes("/libxl/1"));
    }
  }
});

Deno.test("store file: a damaged one of an earlier boot stays if something is to be kept of it", async () => {
  await using scratch = await makeScratch();
  const keep = { globs: ["/kept/*"], domid: 0 }, lines: string[] = [];
  const choice = { ...choose(scratch.path, "refuse"), keep }, path = choice.store!;
  leaveOld(path, "crash", false);
  const bytes = Deno.readFileSync(path);
  // The image is damaged: the file opens, and can't be read.
  const at = toText(bytes).lastIndexOf("of before");
  bytes[at] = 0;
  Deno.writeFileSync(path, bytes);
  assertThrows(() => open(choice, lines), DamagedError);
  assertEquals(Deno.readFileSync(path), bytes);
  open({ ...choice, keep: { globs: [], domid: 0 } }, lines).close();
  assertEquals(Deno.readFileSync(`${path}.old`).length, bytes.length);
});

Deno.test("store file: a damaged one of an earlier boot is put aside, too", async () => {
  await using scratch = await makeScratch();
  const choice = choose(scratch.path, "refuse"), lines: string[] = [];
  open(choice, lines).close();
  const path = `${scratch.path}/store`;
  Deno.truncateSync(path, 5000);
  Deno.utimeSync(path, 1, 1);
  open(choice, lines).close();
  assertStringIncludes(lines.join(), `is from an earlier boot of this host: it is now ${path}.old`);
});

/** Files as a daemon of boot `boot` that was killed has left them; some are last written long ago. */
function leave(path: string, boot: string, oldOnes: readonly string[]): void {
  const life = new Life(new Hypervisor(), `${path}-life`, undefined, "crash", boot);
  for (let i = 0; i < 60; i++) {
    life.ask(0, MessageType.WRITE, `/n${i}\0${"x".repeat(900)}`);
    life.journal.commit();
    life.journal.maintain(false);
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

Deno.test("store file: a death or a loss of power while one is put aside leaves one of the two", async () => {
  for (const persist of MODES) {
    await using scratch = await makeScratch();
    const keep = { globs: ["/kept/*"], domid: 0 }, lines: string[] = [];
    const choice = { ...choose(scratch.path, "refuse"), persist, keep }, path = choice.store!;
    const expectKept = (): void => {
      open(choice, lines).close();
      assertEquals(nodesOf(path), ["/kept", "/kept/a", "/kept/b"]);
      assert(OLD_NODES.every((node) => nodesOf(`${path}.old`).includes(node)));
      assertEquals(isAside(Deno.readDirSync(scratch.path)), ["store", "store.old"]);
    };
    // While the next store was made: what there is of it may be anything.
    leaveOld(path, persist, true);
    for (const name of ["", ".tail", "-wal"]) Deno.writeTextFileSync(`${path}.next${name}`, "half");
    expectKept();
    const next = Deno.readFileSync(path);
    // The old one had been moved, as a whole or without its log and tail: the next one is all there is.
    for (const left of [[], ["-wal"], [".tail"], ["-wal", ".tail"]]) {
      leaveOld(path, persist, true);
      for (const name of FILES) Deno.renameSync(path + name, `${path}.old${name}`);
      for (const name of left) Deno.renameSync(`${path}.old${name}`, path + name);
      Deno.writeFileSync(`${path}.next`, next);
      expectKept();
      assertStringIncludes(lines.at(-1)!, `it is now ${path}.old`);
    }
    // The next store has its place, and is this boot's: nothing more is to be done.
    const count = lines.length;
    expectKept();
    assertEquals(lines.length, count + 1);
  }
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
    openJournal({ persist, onDamage: "refuse" }, socket, log, systemClock).close();
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

Deno.test("store file: a damaged one stays, or is moved aside where that is wanted", async () => {
  await using scratch = await makeScratch();
  const lines: string[] = [];
  const log = (level: string, text: string): void => void lines.push(`${level}: ${text}`);
  const refusing = choose(scratch.path, "refuse"), fresh = choose(scratch.path, "fresh");
  open(refusing, lines).close();
  const path = `${scratch.path}/store`;
  Deno.truncateSync(path, 5000);
  const damage = assertThrows(
    () => openJournal(refusing, "unused", log, systemClock),
    DamagedError,
  );
  const refusal = assertThrows(
    () => handleDamage(refusing, "unused", damage, log, systemClock),
    JournalError,
  );
  assertStringIncludes(refusal.message, "is damaged");
  assertStringIncludes(refusal.message, "--on-damage fresh");
  assertEquals(Deno.statSync(path).size, 5000);
  handleDamage(fresh, "unused", damage, log, systemClock);
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
