/** Where the C library puts large buffers: in its heap they would leave holes between the values of nodes. Counted in bytes. */
import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";

const SCRIPT = new URL("./allocator.ts", import.meta.url).pathname;

/** By how many bytes the heap grows for large buffers, and how many these have. */
async function grown(...args: string[]): Promise<readonly [number, number]> {
  const text = await runScript(SCRIPT, { flags: ["--expose-gc"], args });
  const [heap, all] = text.split(" ").map(Number);
  return [heap!, all!];
}

Deno.test("a daemon's large buffers are not in the C library's heap", async () => {
  const [usual, all] = await grown();
  assert(usual > all / 2, `without this they are: ${usual} of ${all}`);
  const [heap] = await grown("apart");
  assert(heap < all / 8, `${heap} of ${all} bytes are`);
});
