/** What a keyframe leaves for V8 to collect: each piece would stay until V8 looks for old objects. Counted in bytes. */
import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";
import { HISTORY_PIECE_BYTES } from "../../lib/limits.ts";

const SCRIPT = new URL("./keyframe_garbage.ts", import.meta.url).pathname;
/** Nothing is collected while the script counts. */
const FLAGS = ["--min-semi-space-size=256", "--max-semi-space-size=256"];
/** What zlib gives: pieces of 16 KiB and, where these are several, all of them in one. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  compressible: 32_768,
  incompressible: 3 * HISTORY_PIECE_BYTES,
};

Deno.test("the rows of a keyframe leave hardly more than their compressed bytes outside of the heap", async () => {
  const text = await runScript(SCRIPT, { flags: FLAGS });
  const garbage: Record<string, number> = JSON.parse(text);
  for (const [name, most] of Object.entries(BYTES_MAX)) {
    const bytes = garbage[name]!;
    // With a buffer that grows anew for each row: 262,000 and 390,000.
    assert(bytes > 0 && bytes < most, `${name}: ${bytes} bytes a row`);
  }
});
