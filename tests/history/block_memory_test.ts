/** What a history keeps in memory for each of its blocks, of which it has thousands: counted in bytes. */
import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";
import type { BlockMemory } from "./block_memory.ts";

const SCRIPT = new URL("./block_memory.ts", import.meta.url).pathname;
/** A filter of some 600 bytes, and a number for each of 50 guests and a reference to its name. */
const HEAP_BYTES_MAX = 2_600;
/** Memory outside of the heap would be in small pieces, each of which keeps a page in use. */
const EXTERNAL_BYTES_MAX = 64;

Deno.test("a block of many guests takes little memory, all of it in the heap", async () => {
  const text = await runScript(SCRIPT, { flags: ["--expose-gc"] });
  const taken: Record<string, BlockMemory> = JSON.parse(text);
  for (const [how, { external, heap }] of Object.entries(taken)) {
    const told = `${how}: ${heap.toFixed()} bytes of the heap, ${external.toFixed()} outside`;
    assert(heap > 600 && heap < HEAP_BYTES_MAX, told);
    assert(external < EXTERNAL_BYTES_MAX, told);
  }
});
