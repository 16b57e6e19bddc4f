/** What stays free in the file of a history. */
import { assert, assertEquals } from "@std/assert";
import { HISTORY_FREE_BYTES, PAGES_PER_SLICE } from "../../lib/limits.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, guest, Writer } from "./support.ts";

const SLICE_BYTES = PAGES_PER_SLICE * 4_096;

Deno.test("a history gives its free pages back in slices, but for the place of the next blocks", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, history = beginHistory(path), writer = new Writer();
  const fileBytes = (): number => {
    history.checkpoint();
    return Deno.statSync(path).size;
  };
  for (let i = 0; i < 100; i++) {
    history.add([writer.commit(i, guest(1), { "/a": `${i}`.padEnd(40_000, "v") })]);
  }
  history.save();
  const full = fileBytes();
  history.commit(() => {
    for (const head of history.closed) history.blocks.remove(head);
  });
  let slices = 0;
  while (history.shrink()) slices++;
  const free = fileBytes() - history.bytes;
  assert(free <= HISTORY_FREE_BYTES, `${free} bytes are free`);
  assert(free > HISTORY_FREE_BYTES - SLICE_BYTES, `only ${free} bytes are free`);
  assertEquals(slices, Math.ceil((full - history.bytes - HISTORY_FREE_BYTES) / SLICE_BYTES));
  history.close();
});
