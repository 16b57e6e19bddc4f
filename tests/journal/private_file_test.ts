/** The files of a store are private, and nobody else's become so. */
import { assertEquals, assertThrows } from "@std/assert";
import { openHistoryDatabase } from "../../lib/history/database.ts";
import { openDatabase } from "../../lib/journal/database.ts";
import { makeScratch } from "../support/scratch.ts";

const OPENERS = {
  store: (path: string) => openDatabase(path, "crash").close(),
  history: (path: string) => openHistoryDatabase(path).close(),
} as const;

function modeOf(path: string): number {
  return (Deno.statSync(path).mode ?? 0) % 0o1000;
}

for (const [name, open] of Object.entries(OPENERS)) {
  Deno.test(`${name} file: readable by its owner alone, also where it was not`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/${name}`;
    open(path);
    assertEquals(modeOf(path), 0o600);
    Deno.chmodSync(path, 0o644);
    open(path);
    assertEquals(modeOf(path), 0o600);
  });

  Deno.test(`${name} file: a link to another program's file leaves that as it is`, async () => {
    await using scratch = await makeScratch();
    const other = `${scratch.path}/other`, path = `${scratch.path}/${name}`;
    Deno.writeTextFileSync(
      other,
      "some text of somebody else, long enough for a header\n".repeat(40),
    );
    Deno.chmodSync(other, 0o644);
    Deno.symlinkSync(other, path);
    assertThrows(() => open(path));
    assertEquals(modeOf(other), 0o644);
  });
}
