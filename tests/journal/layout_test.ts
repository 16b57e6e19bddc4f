/** Store files of older layouts: brought to the present one step by step, whatever happens meanwhile. */
import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { openDatabase } from "../../lib/journal/database.ts";
import { LAYOUT_VERSION, layoutOf, migrate, type Migrations } from "../../lib/journal/layout.ts";
import { makeScratch } from "../support/scratch.ts";

/** From a table of words to one of their lengths, and on to the sum of those. */
const STEPS: Migrations = new Map([
  [1, "CREATE TABLE lengths AS SELECT length(word) AS n FROM words; DROP TABLE words"],
  [2, "CREATE TABLE total AS SELECT sum(n) AS n FROM lengths; DROP TABLE lengths"],
]);

function makeFirst(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(
    "CREATE TABLE words (word TEXT); INSERT INTO words VALUES ('xen'), ('store'); " +
      "PRAGMA user_version = 1",
  );
  return database;
}

function rows(database: DatabaseSync, table: string): unknown[] {
  const column = table === "words" ? "word" : "n";
  return database.prepare(`SELECT ${column} AS n FROM ${table}`).all().map(({ n }) => n);
}

Deno.test("layout: each step is taken once, in order, from wherever the file is", async () => {
  await using scratch = await makeScratch();
  using database = makeFirst(`${scratch.path}/store`);
  migrate(database, STEPS, 2);
  assertEquals([layoutOf(database), rows(database, "lengths")], [2, [3, 5]]);
  migrate(database, STEPS, 3);
  assertEquals([layoutOf(database), rows(database, "total")], [3, [8]]);
  migrate(database, STEPS, 3);
  assertEquals([layoutOf(database), rows(database, "total")], [3, [8]]);
});

Deno.test("layout: who dies before the end of the transaction has done nothing", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const second = `${STEPS.get(2)}; SELECT no_such_function()`;
  {
    // Closed in the middle of the transaction, as by a death: SQLite takes back what was not committed.
    using database = makeFirst(path);
    database.exec("BEGIN IMMEDIATE");
    assertThrows(() => migrate(database, new Map([...STEPS, [2, second]]), 3), Error, "no_such");
    assertEquals(database.isTransaction, true);
  }
  using database = new DatabaseSync(path);
  assertEquals([layoutOf(database), rows(database, "words")], [1, ["xen", "store"]]);
  migrate(database, STEPS, 3);
  assertEquals([layoutOf(database), rows(database, "total")], [3, [8]]);
});

Deno.test("layout: a store file of one that there never was is damaged, and stays as it is", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  openDatabase(path, "crash").close();
  {
    using database = new DatabaseSync(path);
    assertEquals(layoutOf(database), LAYOUT_VERSION);
    database.exec("PRAGMA user_version = 0");
  }
  assertThrows(() => openDatabase(path, "crash"), DamagedError, "layout 0");
  using database = new DatabaseSync(path);
  assertEquals(layoutOf(database), 0);
});
