import { assert } from "@std/assert";
import type { Sample } from "./heap_and_charge.ts";

const SCRIPT = new URL("./heap_and_charge.ts", import.meta.url).pathname;

/** Bytes of the heap for each node of a chain, which has a list of children of its own. */
const CHAIN_NODE_BYTES_MAX = 320;
/** The same for a node in a transaction: its path is a part of the longest one's text. */
const MADE_NODE_BYTES_MAX = 640;

Deno.test("memory model: what is charged is within a factor of two of what the heap takes", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", SCRIPT],
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  const samples: Sample[] = JSON.parse(text.decode(stdout));
  assert(samples.length >= 26, `${samples.length} structures`);
  for (const { charged, name, taken } of samples) {
    const told = `${name}: takes ${taken.toFixed()} bytes, charged ${charged.toFixed()}`;
    assert(taken < 2 * charged && charged < 2 * taken, told);
  }
  const taken = (what: string): number => samples.find(({ name }) => name === what)!.taken;
  const chain = taken("chain of 100 nodes") / 100;
  assert(chain < CHAIN_NODE_BYTES_MAX, `${chain} bytes`);
  const made = taken("chain of 990 nodes made in a transaction") / 990;
  assert(made < MADE_NODE_BYTES_MAX, `${made} bytes`);
});
