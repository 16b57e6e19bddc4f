/** Free pages go back to the file system in slices, by statements that are prepared once. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { FilePages } from "../../lib/journal/file_pages.ts";
import { PAGES_PER_SLICE } from "../../lib/limits.ts";

/** A database of which so many pages are free. */
function databaseWithFree(pages: number): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec("PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (bytes BLOB)");
  database.prepare("INSERT INTO t VALUES (zeroblob(?))").run(2 * pages * 4_096);
  database.prepare("UPDATE t SET bytes = zeroblob(?)").run(pages * 4_096);
  return database;
}

Deno.test("a slice gives back as many pages as it says", () => {
  using database = databaseWithFree(100);
  const pages = new FilePages(database), { free, used } = pages;
  pages.giveBack();
  assertEquals(pages.free, free - PAGES_PER_SLICE);
  pages.giveBack(5);
  assertEquals(pages.free, free - PAGES_PER_SLICE - 5);
  pages.giveBack(1_000);
  assertEquals(pages.free, 0);
  assertEquals(pages.used, used);
  assertEquals(pages.size, 4_096);
});

Deno.test("to count pages and to give a slice back prepares no statement", () => {
  using database = databaseWithFree(100);
  const pages = new FilePages(database);
  database.prepare = () => {
    throw new Error("a statement is prepared");
  };
  const { used } = pages;
  while (pages.free > 0) pages.giveBack();
  assertEquals(pages.used, used);
});
