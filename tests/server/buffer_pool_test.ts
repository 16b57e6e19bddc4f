import { assert, assertEquals } from "@std/assert";
import { SPARE_BUFFERS_MAX } from "../../lib/limits.ts";
import { dropSpareBuffers, giveBuffer, takeBuffer } from "../../lib/server/peer/buffer_pool.ts";

Deno.test("buffers are used again, only so many are kept, and none when memory is given back", () => {
  dropSpareBuffers();
  const taken = Array.from({ length: SPARE_BUFFERS_MAX + 1 }, takeBuffer);
  for (const buffer of taken) giveBuffer(buffer);
  const again = new Set(taken.map(takeBuffer));
  assertEquals(taken.filter((buffer) => again.has(buffer)).length, SPARE_BUFFERS_MAX);
  for (const buffer of taken) giveBuffer(buffer);
  dropSpareBuffers();
  assert(!taken.includes(takeBuffer()), "it is a new one");
});
