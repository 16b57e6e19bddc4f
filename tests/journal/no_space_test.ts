/** A file system that is really full: what a start leaves there, and what upkeep does about it. */
import { assertEquals, assertThrows } from "@std/assert";
import { JournalError } from "../../lib/journal/database.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { Upkeep } from "../../lib/journal/journal_parts.ts";
import { COMMIT_RETRY_MS } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";
import { Hypervisor, Life } from "./lives.ts";

/** Runs a test in a small file system; where none can be had, says so. */
function smallTest(name: string, run: (path: string) => void | Promise<void>): void {
  Deno.test(name, async () => {
    await using scratch = await makeScratch();
    await using fileSystem = await smallDisk(scratch.path);
    if (fileSystem === null) return console.log("no right to mount a small file system");
    await run(scratch.path);
  });
}

const OPTIONS = { durability: "crash", bootId: "", log: () => {} } as const;

smallTest("no space: a start that fails for want of it does no harm", (folder) => {
  const path = `${folder}/store`, filler = `${folder}/filler`;
  const life = new Life(new Hypervisor(), path);
  life.ask(0, T.WRITE, "/node\0value");
  life.journal.commit();
  life.close();
  for (const room of [0, 100_000]) {
    fillUp(filler);
    Deno.truncateSync(filler, Deno.statSync(filler).size - room);
    assertThrows(() => openStore(path, OPTIONS), JournalError, "no space left");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["filler", "store"]);
    Deno.removeSync(filler);
    const next = new Life(new Hypervisor(), path);
    assertEquals(next.ask(0, T.READ, "/node\0"), "READ value");
    next.close();
  }
});

const UPKEEP: Upkeep = {
  imageAfterBytes: 1_000,
  pagesPerCheckpoint: 1e9,
  rowsDeletedMax: 1_000,
  drainBytes: 0,
};

smallTest("no space: upkeep that fails again and again is told once", async (folder) => {
  const lines: string[] = [];
  const log = (_level: string, text: string): void => void lines.push(text);
  const life = new Life(new Hypervisor(), `${folder}/store`, UPKEEP, "crash", "", log);
  const turn = (i: number): void => {
    life.ask(0, T.WRITE, `/node\0${"x".repeat(100)}${i}`);
    life.journal.commit();
  };
  for (const time of [1, 2]) {
    for (let i = 0; i < 200; i++) turn(i);
    fillUp(`${folder}/filler`);
    // What is free in the file goes first.
    for (let i = 0; i < 50_000 && !life.journal.full; i++) {
      turn(i);
      life.journal.tend(true);
    }
    for (let i = 0; i < 8; i++) {
      life.journal.tend(true);
      life.journal.commit();
      if (i % 2 === 1) await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 5));
    }
    assertEquals(life.journal.full, true);
    assertEquals(lines.length, 2 * time - 1, lines.join("\n"));
    Deno.removeSync(`${folder}/filler`);
    await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 5));
    while (life.journal.tend(true));
    assertEquals(lines.at(-1), "the store file can be written again: changes are taken");
  }
  life.close();
});
