/** Busy clients wait while upkeep of the history is due, but not while that upkeep is suspended. */
import { assert, assertEquals } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import { HISTORY_BLOCK_RECORDS, HISTORY_STEPS_OWED_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { RecordedLife } from "./recorded_life.ts";

/** A history that has much upkeep due: blocks were recorded, and few slices done. */
function behind(path: string): RecordedLife {
  const life = new RecordedLife(path, { tailBytes: 1_048_576 });
  const from = life.history.growing;
  for (let i = 0; life.history.growing < from + 4; i++) {
    assert(i < 8 * HISTORY_BLOCK_RECORDS);
    life.clients[0]!.ask(T.WRITE, `/n/${i}\0value`);
    life.journal.commit();
  }
  life.keeper!.maintain(false);
  assert(life.keeper!.isBehind);
  return life;
}

Deno.test("busy clients do not wait for a history while it is purged, and wait again afterwards", async () => {
  await using scratch = await makeScratch();
  const life = behind(`${scratch.path}/store`), keeper = life.keeper!;
  // Compressing is loaded beside the start.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(keeper.purges.begin(["/n"]), "purge 1");
  for (let slices = 0; keeper.purges.isUnderWay; slices++) {
    assertEquals(keeper.isBehind, false, `behind ${slices} slices`);
    keeper.maintain(false);
  }
  assert(keeper.isBehind, "its upkeep is due as before");
  let slices = 0;
  while (keeper.isBehind) {
    assert(++slices <= 8 * HISTORY_STEPS_OWED_MAX);
    keeper.maintain(false);
  }
  life.end();
});

Deno.test("busy clients do not wait for a history while there is no space for the store", async () => {
  await using scratch = await makeScratch();
  const life = behind(`${scratch.path}/store`), keeper = life.keeper!;
  const { database } = life.journal.about as unknown as { readonly database: DatabaseSync };
  database.exec("PRAGMA max_page_count = 1");
  while (!life.journal.full) {
    life.clients[1]!.ask(T.WRITE, `/large\0${"x".repeat(2_000)}`);
    assert(life.journal.commit());
  }
  assertEquals(keeper.isBehind, false);
  keeper.maintain(false);
  assertEquals(keeper.isBehind, false);
  database.exec("PRAGMA max_page_count = 1000000");
  while (life.journal.full) life.journal.maintain(true);
  assert(keeper.isBehind);
  life.end();
});
