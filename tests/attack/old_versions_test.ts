/** What images and keyframes keep of what clients replace meanwhile, as all buffers do that nobody is charged for: counted in bytes. */
import { assert } from "@std/assert";
import { runScript } from "../support/run_script.ts";
import type { OldVersions } from "./old_versions.ts";

const SCRIPT = new URL("./old_versions.ts", import.meta.url).pathname;
/** Buffers are free as soon as they are collected. */
const FLAGS = ["--expose-gc", "--no-concurrent-array-buffer-sweeping"];
/** An image or a keyframe that takes so long that all is replaced meanwhile comes to 1.5. */
const PART_MAX = 1.15;

Deno.test("images and keyframes keep little of what guests replace while they are written", async () => {
  const text = await runScript(SCRIPT, { flags: FLAGS });
  const { external, images, keyframes, stored }: OldVersions = JSON.parse(text);
  assert(images >= 2 && keyframes >= 4, `only ${images} images and ${keyframes} keyframes`);
  assert(external < PART_MAX * stored, `${external} bytes, while ${stored} are charged`);
});
