/** The Debian packages: what they are, and that the same commit makes the same bytes. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { readLayouts } from "../../scripts/package/deb.ts";
import { LAYOUT_VERSION } from "../../lib/journal/layout.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { outcome } from "../support/debian_root.ts";
import { makeTestDebs, packagesMissing } from "./packages.ts";

const missing = await packagesMissing();

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(digest).toHex();
}

testUnless(
  missing ?? await missingFile("/usr/bin/lintian", "lintian"),
  "lintian finds no fault in the packages, which are the same bytes when made again",
  async () => {
    await using first = await makeScratch();
    await using second = await makeScratch();
    const debs = await makeTestDebs(first.path);
    const args = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"];
    const { code, text } = await outcome("lintian", [...args, ...debs]);
    assertEquals(code, 0, text);
    const again = await makeTestDebs(second.path);
    assertEquals(await Promise.all(again.map(sha256)), await Promise.all(debs.map(sha256)));
  },
);

Deno.test("the same commit makes the same binary", async () => {
  await using scratch = await makeScratch();
  const sums: string[] = [];
  for (const name of ["one", "another"]) {
    const out = `${scratch.path}/${name}`;
    const script = new URL("../../scripts/compile.ts", import.meta.url).pathname;
    const { code, text } = await outcome(Deno.execPath(), ["run", "-A", script, "-o", out]);
    assertEquals(code, 0, text);
    sums.push(await sha256(out));
    await Deno.remove(out);
  }
  assertEquals(sums[1], sums[0]);
});

Deno.test("packaging/debian/layouts names the layout that this xs writes", async () => {
  const last = (await readLayouts()).split(" ").at(-1);
  assertStringIncludes(` ${last}`, ` ${LAYOUT_VERSION}:`);
});
