/** What a transaction of a deep chain, and its commit, leave for V8 to collect: counted in bytes. */
import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";
import type { Garbage } from "./garbage.ts";

const SCRIPT = new URL("./garbage.ts", import.meta.url).pathname;
const FLAGS = [
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
  "--no-opt",
  "--no-maglev",
];

Deno.test("a chain that a transaction makes and commits takes a bounded part of the heap", async () => {
  const text = await runScript(SCRIPT, { flags: FLAGS });
  const { made, merged }: Garbage = JSON.parse(text);
  // With a branch for an only child: 740; with a list that has room for 17: 960.
  assert(made > 300 && made < 560, `${made} bytes of a node that is made`);
  // With a branch for an only child: 1,270; with a text for each name, and two marks for each node that gets a child: 1,690.
  assert(merged > 300 && merged < 1_100, `${merged} bytes of a node that is merged`);
});
