import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";
import type { Sample } from "./heap_and_charge.ts";

const SCRIPT = new URL("./heap_and_charge.ts", import.meta.url).pathname;

/** Bytes of the heap for each node of a chain, whose only child needs no branch. */
const CHAIN_NODE_BYTES_MAX = 200;
/** The same for a node in a transaction: its path is a part of the longest one's text. */
const MADE_NODE_BYTES_MAX = 420;
/** Each node of a chain is charged with its full path, as in C, and takes only its name. */
const CHAIN = "chain of 100 nodes", CHAIN_CHARGE_MAX = 2.5;

Deno.test("memory model: what is charged is within a factor of two of what the heap takes", async () => {
  const text = await runScript(SCRIPT, { flags: ["--expose-gc"] });
  const samples: Sample[] = JSON.parse(text);
  assert(samples.length >= 26, `${samples.length} structures`);
  for (const { charged, name, taken } of samples) {
    const told = `${name}: takes ${taken.toFixed()} bytes, charged ${charged.toFixed()}`;
    const most = name === CHAIN ? CHAIN_CHARGE_MAX : 2;
    assert(taken < 2 * charged && charged < most * taken, told);
  }
  const taken = (what: string): number => samples.find(({ name }) => name === what)!.taken;
  const chain = taken(CHAIN) / 100;
  assert(chain < CHAIN_NODE_BYTES_MAX, `${chain} bytes`);
  const made = taken("chain of 990 nodes made in a transaction") / 990;
  assert(made < MADE_NODE_BYTES_MAX, `${made} bytes`);
});
