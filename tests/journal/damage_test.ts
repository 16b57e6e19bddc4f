/** Files that are not as we left them: an error that says so, never a loss in silence. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { JournalError, openDatabase } from "../../lib/journal/database.ts";
import type { Upkeep } from "../../lib/journal/journal_parts.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { withSeed, withSeeds } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life, wholeState } from "../support/lives.ts";

function hypervisor(): Hypervisor {
  const made = new Hypervisor();
  for (const domid of [0, 1]) made.create(domid);
  return made;
}

/** A store file, closed orderly, and the state in it. */
function makeStore(path: string): string[] {
  const life = new Life(hypervisor(), path);
  life.ask(0, MessageType.INTRODUCE, "1\x001\x003\0");
  for (let i = 0; i < 120; i++) {
    life.ask(0, MessageType.WRITE, `/n${i % 40}/v\0${"x".repeat(i * 9)}`);
    assert(life.journal.commit());
  }
  const state = wholeState(life.state);
  life.close();
  return state;
}

/** What becomes of the file: its state, or the message of the error it is refused with. */
function outcome(path: string): string[] | string {
  try {
    const life = new Life(hypervisor(), path);
    const state = wholeState(life.state);
    life.close();
    return state;
  } catch (error) {
    if (!(error instanceof DamagedError || error instanceof JournalError)) throw error;
    // An attempt of before must not be what is in the way.
    assert(!error.message.includes("in use"), error.message);
    return error.message;
  }
}

Deno.test("store file: a changed byte is found, or changes nothing", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const state = makeStore(path);
  assertEquals(outcome(path), state);
  const whole = Deno.readFileSync(path);
  withSeeds((random, fixed) => {
    let refused = 0;
    for (let round = 0; round < 75; round++) {
      const bytes = whole.slice();
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      Deno.writeFileSync(path, bytes);
      const after = outcome(path);
      if (typeof after === "string") refused++;
      else assertEquals(after, state);
    }
    assert(!fixed || refused > 15, `${refused} of 75 were refused`);
  });
});

Deno.test("store file: one that is cut short is refused", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  makeStore(path);
  const whole = Deno.readFileSync(path);
  withSeed((random) => {
    for (let round = 0; round < 60; round++) {
      Deno.writeFileSync(path, whole.subarray(0, 1 + random.below(whole.length - 1)));
      assertEquals(typeof outcome(path), "string", `${Deno.statSync(path).size} bytes`);
    }
  });
});

Deno.test("store file: a changed byte in the log is found, too", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, copy = `${scratch.path}/copy`;
  const life = new Life(hypervisor(), path);
  for (let i = 0; i < 60; i++) {
    life.ask(0, MessageType.WRITE, `/n${i % 7}\0${"x".repeat(900)}`);
    assert(life.journal.commit());
    // More than a tail of this size takes: the older ones are in the log.
    life.journal.maintain(false);
  }
  life.copyFiles(copy);
  const state = wholeState(life.state);
  life.close();
  const [main, log, tail] = ["", "-wal", ".tail"].map((of) => Deno.readFileSync(copy + of));
  withSeeds((random, fixed) => {
    let refused = 0;
    for (let round = 0; round < 30; round++) {
      const bytes = log!.slice();
      // The first bytes, the log's header, are there only to tell it from an older one.
      if (round > 0) bytes[32 + random.below(bytes.length - 32)]! ^= 1 << random.below(8);
      // A file that was refused with its log stays open: this must be another one.
      Deno.removeSync(copy);
      Deno.writeFileSync(copy, main!);
      Deno.writeFileSync(`${copy}-wal`, bytes);
      Deno.writeFileSync(`${copy}.tail`, tail!);
      const after = outcome(copy);
      if (typeof after === "string") refused++;
      else assertEquals(after, state);
      assert(round > 0 || typeof after !== "string", `${after}`);
    }
    assert(!fixed || refused > 5, `${refused} of 29 were refused`);
  });
});

/** Bytes of a page in the log with its header, and of the log's own header. */
const FRAME_BYTES = 4096 + 24;
const LOG_HEADER_BYTES = 32;

/** Nothing stays in the tail, and all else in the log. */
const DRAINED: Upkeep = {
  imageAfterBytes: 1e9,
  pagesPerCheckpoint: 1e9,
  rowsDeletedMax: 1,
  drainBytes: 0,
};

Deno.test("store file: a log that was cut or removed is found by a tail that has nothing else", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  // What an orderly end has left is not to be taken for what there was after it.
  for (const before of ["nothing", "a life"]) {
    const copy = `${scratch.path}/copy behind ${before}`;
    if (before === "a life") makeStore(path);
    const life = new Life(hypervisor(), path, DRAINED);
    for (let i = 0; i < 40; i++) {
      life.ask(0, MessageType.WRITE, `/n${i % 7}\0${"x".repeat(900)}`);
      assert(life.journal.commit());
      life.journal.maintain(false);
    }
    // A turn that the tail has no room for.
    for (let i = 0; i < 8; i++) life.ask(0, MessageType.WRITE, `/long${i}\0${"x".repeat(2000)}`);
    assert(life.journal.commit());
    life.copyFiles(copy);
    life.close();
    Deno.removeSync(path);
    cutLog(copy);
  }
});

/** Cuts the log behind each of its pages, and at its beginning. */
function cutLog(copy: string): void {
  const [main, log, tail] = ["", "-wal", ".tail"].map((of) => Deno.readFileSync(copy + of));
  let frames = 0;
  for (
    let size = 0;
    size < log!.length;
    size = size === 0 ? LOG_HEADER_BYTES : size + FRAME_BYTES
  ) {
    const cut = `${copy}${size}`;
    Deno.writeFileSync(cut, main!);
    Deno.writeFileSync(`${cut}-wal`, log!.subarray(0, size));
    Deno.writeFileSync(`${cut}.tail`, tail!);
    assertEquals(typeof outcome(cut), "string", `${size} of ${log!.length} bytes`);
    frames++;
  }
  assert(frames > 20, `${frames} frames`);
}

Deno.test("store file: another program's, a newer one's and one in use are left alone", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE t (x)");
  other.close();
  Deno.chmodSync(path, 0o644);
  const before = Deno.readFileSync(path);
  const refusal = (): string =>
    assertThrows(() => openDatabase(path, "crash"), JournalError).message;
  assertStringIncludes(refusal(), "another program's database (name another file with --store)");
  assertEquals(Deno.readFileSync(path), before);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o644);
  Deno.writeTextFileSync(path, "not a database at all");
  assertStringIncludes(refusal(), "is not a store file");
  assertEquals(Deno.readTextFileSync(path), "not a database at all");
  Deno.removeSync(path);
  const ours = openDatabase(path, "crash");
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  assertStringIncludes(refusal(), "in use by another daemon");
  ours.exec("PRAGMA user_version = 99");
  ours.close();
  assertStringIncludes(refusal(), "has layout 99, made by a newer xs");
});
