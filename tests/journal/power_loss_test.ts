/** Loss of power: the log ends anywhere, in whole or torn pages, behind what fsync has kept. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { Tail } from "../../lib/journal/tail.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life, wholeState } from "../support/lives.ts";

/** Bytes of a page in the log with its header, and of the log's own header. */
const FRAME_BYTES = 4096 + 24;
const LOG_HEADER_BYTES = 32;

Deno.test("power loss: a log cut or torn anywhere gives the last commit that is whole", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, copy = `${scratch.path}/copy`;
  const hypervisor = new Hypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const life = new Life(hypervisor, path, undefined, "disk");
  /** After each commit: how long the log was, and the state. */
  const commits: [size: number, state: string[]][] = [];
  const note = (): void => {
    assert(life.journal.commit());
    commits.push([Deno.statSync(`${path}-wal`).size, wholeState(life.state)]);
  };
  note();
  const first = commits[0]![0];
  for (let i = 0; i < 25; i++) {
    const size = i % 5 === 4 ? 4000 : 20 * i;
    life.ask(0, MessageType.WRITE, `/n${i % 7}\0${"x".repeat(size)}`);
    if (i % 6 === 0) life.ask(0, MessageType.RM, `/n${i % 3}\0`);
    note();
  }
  const main = Deno.readFileSync(path), log = Deno.readFileSync(`${path}-wal`);
  const tail = Deno.readFileSync(`${path}.tail`);
  life.close();
  withSeed((random) => {
    for (let at = first; at <= log.length; at += FRAME_BYTES) {
      assertEquals((at - LOG_HEADER_BYTES) % FRAME_BYTES, 0);
      for (const cut of [at, Math.min(log.length, at + 1 + random.below(FRAME_BYTES - 1))]) {
        // What was not written yet may be missing, or be anything.
        const torn = random.chance(0.5) ? log.slice(0, cut) : log.slice();
        for (let i = cut; i < torn.length; i++) torn[i] = random.below(256);
        Deno.writeFileSync(copy, main);
        Deno.writeFileSync(`${copy}-wal`, torn);
        Deno.writeFileSync(`${copy}.tail`, tail);
        const next = new Life(hypervisor, copy, undefined, "disk");
        const wanted = commits.findLast(([size]) => size <= cut)![1];
        assertEquals(wholeState(next.state), wanted, `cut at ${cut} of ${log.length}`);
        next.close();
      }
    }
  });
});

/** Pages of the store file. */
const PAGE_BYTES = 4096;

Deno.test("power loss: a store file torn while the log goes into it is whole with the log", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, copy = `${scratch.path}/copy`;
  const hypervisor = new Hypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const upkeep = {
    imageAfterBytes: 4_000,
    pagesPerCheckpoint: 20,
    rowsDeletedMax: 5,
    drainBytes: 1_000,
  };
  const life = new Life(hypervisor, path, upkeep, "disk");
  let before = Deno.readFileSync(path), torn = 0, isTearing = false;
  const tear = (after: Uint8Array<ArrayBuffer>): void => {
    const log = Deno.readFileSync(`${path}-wal`), tail = Deno.readFileSync(`${path}.tail`);
    const wanted = wholeState(life.state);
    withSeed((random) => {
      for (let at = 0; at <= after.length; at += PAGE_BYTES) {
        // The pages before it are new, those behind it old, and this one begins new and ends old.
        const cut = Math.min(after.length, at + random.below(PAGE_BYTES));
        const main = after.slice(0, Math.max(cut, before.length));
        main.set(before.subarray(Math.min(cut, before.length)), Math.min(cut, before.length));
        Deno.writeFileSync(copy, main);
        Deno.writeFileSync(`${copy}-wal`, log);
        Deno.writeFileSync(`${copy}.tail`, tail);
        const next = new Life(hypervisor, copy, undefined, "disk");
        assertEquals(wholeState(next.state), wanted, `torn at ${cut} of ${after.length}`);
        next.close();
        torn++;
      }
    });
  };
  // Right behind each checkpoint: what comes then may write over the log.
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    exec.call(this, sql);
    if (isTearing || !sql.includes("wal_checkpoint")) return;
    isTearing = true;
    const after = Deno.readFileSync(path);
    tear(after);
    before = after;
    isTearing = false;
  };
  try {
    for (let i = 0; i < 120; i++) {
      life.ask(0, MessageType.WRITE, `/n${i % 7}\0${"x".repeat(i % 5 === 4 ? 4000 : 20 * i)}`);
      assert(life.journal.commit());
      for (let step = 0; step < 3; step++) life.journal.maintain(true);
    }
  } finally {
    DatabaseSync.prototype.exec = exec;
  }
  life.close();
  assert(torn > 50, `torn ${torn} times`);
});

Deno.test("power loss: a tail that is back after an orderly end is needless", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const hypervisor = new Hypervisor();
  hypervisor.create(0);
  const life = new Life(hypervisor, path, undefined, "disk");
  life.ask(0, MessageType.WRITE, "/n\0first");
  assert(life.journal.commit());
  life.copyFiles(`${scratch.path}/before`);
  life.close();
  // As a life that had no space, and then some, left it behind on the disk.
  const id = toText(Deno.readFileSync(`${scratch.path}/before.tail`), 16, 16 + 36);
  for (const [turn, isNeedless] of [[1, true], [9, false]] as const) {
    const tail = Tail.create(`${path}.tail`, id, 4096);
    assert(tail.append(turn, 0, new Uint8Array(0)));
    tail.close();
    const start = (): Life => new Life(hypervisor, path, undefined, "disk");
    if (!isNeedless) {
      assertThrows(start, DamagedError, "are not known to it");
      continue;
    }
    const next = start();
    assertEquals(next.ask(0, MessageType.READ, "/n\0"), "READ first");
    next.close();
  }
});
