/** A write or sync that fails, but has done its work, or some of it: what the next life finds. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import { type ChangeSink, putNodeGone } from "../../lib/codec/journal/changes.ts";
import { openDatabase } from "../../lib/journal/database.ts";
import { readTail, Tail } from "../../lib/journal/tail.ts";
import { TurnLog } from "../../lib/journal/turn_log.ts";
import { makeScratch } from "../support/scratch.ts";

const ID = "0123456789-0123456789-0123456789-012";
const TAIL_BYTES = 2048;
/** Three of them are more than half a tail takes. */
const LONG = `/${"x".repeat(400)}`;

/** Turns in files in which what is said to have failed has been done nevertheless. */
class Lying {
  readonly database: DatabaseSync;
  readonly tail: Tail;
  readonly log: TurnLog;
  insertsFail = false;
  syncsFail = false;
  /** The last turn in the store file that is known to be there. */
  #written = 0;

  constructor(readonly path: string, isNew = true) {
    this.database = openDatabase(path, "disk");
    const tail = `${path}.tail`;
    this.tail = isNew ? Tail.create(tail, ID, TAIL_BYTES) : Tail.open(tail, ID, true);
    const sync = this.tail.sync.bind(this.tail);
    this.tail.sync = () => {
      sync();
      if (this.syncsFail) throw new Error("Input/output error");
    };
    this.log = new TurnLog(this.#liar(), this.tail, "disk", 0, systemClock);
  }

  #liar(): DatabaseSync {
    const prepare = (sql: string): unknown => {
      const statement = this.database.prepare(sql);
      if (!sql.startsWith("INSERT")) return statement;
      const run = (last: number, sum: number, records: Uint8Array<ArrayBuffer>): void => {
        // SQLite writes over what it takes for not written.
        this.database.exec(`DELETE FROM turns WHERE last > ${this.#written}`);
        statement.run(last, sum, records);
        if (this.insertsFail) throw new Error("disk I/O error");
        this.#written = last;
      };
      return { run };
    };
    const exec = (sql: string): void => this.database.exec(sql);
    return { prepare, exec } as unknown as DatabaseSync;
  }

  /** The paths that the next life is told of, were this one killed now. */
  nextLife(): string[] {
    const copy = `${this.path}-copy`;
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(this.path + companion, copy + companion);
    }
    const next = new Lying(copy, false);
    const found: string[] = [];
    const sink = { nodeGone: (path: string) => void found.push(path) } as ChangeSink;
    let last = 0;
    next.log.replay(0, sink, (turn) => {
      assert(turn > last, `turn ${turn} behind ${last}`);
      last = turn;
      return true;
    });
    assertEquals(next.log.last, last);
    next.close();
    return found;
  }

  close(): void {
    this.tail.close();
    this.database.close();
  }
}

function changesOf(...paths: string[]): Uint8Array<ArrayBuffer> {
  const to = new ByteWriter(4096);
  for (const path of paths) putNodeGone(to, path);
  return to.written;
}

Deno.test("failed write: a row that is there after all hides nothing that the tail has", async () => {
  await using scratch = await makeScratch();
  const lying = new Lying(`${scratch.path}/store`), { log } = lying;
  log.append(changesOf("/a"));
  lying.insertsFail = true;
  // The turn that is tried again may have more to tell.
  assertThrows(() => log.append(changesOf("/b")), Error, "disk I/O");
  assert(log.appendToTail(changesOf("/b", LONG)));
  assertEquals(new Set(lying.nextLife()), new Set(["/a", "/b", LONG]));
  // The attempt to write the file again fails, too, behind all of its work.
  assertThrows(() => log.drain(), Error, "disk I/O");
  assert(log.appendToTail(changesOf("/c", LONG)));
  // What both files have, as after a death between the two steps of a drain, counts once.
  assertEquals(lying.nextLife(), ["/a", "/b", LONG, "/c", LONG]);
  assertEquals(log.appendToTail(changesOf("/d", LONG)), false);
  assert(log.replaceTail(changesOf("/b", "/c", "/d"), 0));
  assertEquals(new Set(lying.nextLife()), new Set(["/a", "/b", LONG, "/c", "/d"]));
  lying.database.exec("DELETE FROM turns WHERE last > 1");
  assertEquals(lying.nextLife(), ["/a", "/b", "/c", "/d"]);
  lying.insertsFail = false;
  log.drain();
  log.append(changesOf("/e"));
  assertEquals(lying.nextLife(), ["/a", "/b", "/c", "/d", "/e"]);
  lying.close();
});

Deno.test("failed write: what the tail could not sync is done once more, under its number", async () => {
  await using scratch = await makeScratch();
  const lying = new Lying(`${scratch.path}/store`), { log } = lying;
  log.append(changesOf("/a"));
  [lying.insertsFail, lying.syncsFail] = [true, true];
  assertThrows(() => log.append(changesOf("/b")), Error, "disk I/O");
  lying.database.exec("DELETE FROM turns WHERE last > 1");
  for (let i = 0; i < 3; i++) {
    assertThrows(() => log.appendToTail(changesOf("/b")), Error, "Input/output");
    assertEquals(lying.nextLife(), ["/a"]);
  }
  lying.syncsFail = false;
  assert(log.appendToTail(changesOf("/b")));
  assert(log.appendToTail(changesOf("/c")));
  assertEquals(lying.nextLife(), ["/a", "/b", "/c"]);
  lying.syncsFail = true;
  assertThrows(() => log.replaceTail(changesOf("/b", "/c", "/d"), 0), Error, "Input/output");
  assertEquals(lying.nextLife(), ["/a", "/b", "/c"]);
  [lying.insertsFail, lying.syncsFail] = [false, false];
  log.drain();
  log.append(changesOf("/d"));
  assertEquals(lying.nextLife(), ["/a", "/b", "/c", "/d"]);
  lying.close();
});

Deno.test("tail: what takes the place of synced turns is on disk before it counts", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/tail`;
  // Header and both halves are in pages of their own.
  const size = 64 + 2 * 16_384, page = 4096;
  const tail = Tail.create(path, ID, size);
  const sync = tail.sync.bind(tail);
  /** Pages as they were at the last sync. */
  let synced = Deno.readFileSync(path);
  /** What a loss of power may have left at any moment: one page is new, all others old. */
  const possible: Uint8Array<ArrayBuffer>[] = [];
  const look = (): void => {
    const now = Deno.readFileSync(path);
    for (let at = 0; at < size; at += page) {
      const mixed = synced.slice();
      mixed.set(now.subarray(at, at + page), at);
      possible.push(mixed);
    }
  };
  tail.sync = () => {
    look();
    sync();
    synced = Deno.readFileSync(path);
    look();
  };
  assert(tail.append(1, 0, changesOf("/a"), true));
  assert(tail.append(2, 0, changesOf("/b"), true));
  possible.length = 0;
  assert(tail.replace(3, 0, changesOf("/a", "/b", "/c"), true));
  const found = possible.map((bytes) => [...readTail(bytes, ID, true)].map(({ turn }) => turn));
  assertEquals(new Set(found.map(String)), new Set(["1,2", "3"]));
  tail.close();
});
