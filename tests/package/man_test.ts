/** The manual pages: mandoc has nothing to say, and they have what the help has. */
import { assert, assertEquals } from "@std/assert";
import { commands } from "../../cmd/command_list.ts";
import { manPages } from "../../scripts/man/pages.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { outcome } from "../support/debian_root.ts";

const pages = await manPages({ date: "2026-01-01", version: "0.1.0" });

/** What a page shows in a terminal, as words. */
async function shown(path: string): Promise<string> {
  const { code, text } = await outcome("mandoc", ["-Tutf8", "-O", "width=300", path]);
  assertEquals(code, 0, text);
  // Bold and underlined letters are typed over each other.
  return text.replace(/.[\b]/g, "").replace(/\s+/g, " ");
}

testUnless(
  await missingFile("/usr/bin/mandoc", "mandoc"),
  "mandoc -Tlint has no complaint, and each page says what its help says",
  async () => {
    await using scratch = await makeScratch();
    for (const [name, text] of pages) await Deno.writeTextFile(`${scratch.path}/${name}`, text);
    const files = [...pages.keys()].map((name) => `${scratch.path}/${name}`);
    assertEquals(await outcome("mandoc", ["-Tlint", ...files]), { code: 0, text: "" });
    for (const { docs } of commands) {
      const text = await shown(`${scratch.path}/xs-${docs.name}.1`);
      const expected = [
        docs.brief,
        ...docs.description.flatMap((part) => part.split("\n")),
        ...docs.examples.map(([line]) => line),
      ];
      for (const part of expected) {
        const words = part.replaceAll("`", "").trim().replace(/\s+/g, " ");
        assert(text.includes(words), `xs-${docs.name}: '${words}' is missing in ${text}`);
      }
    }
  },
);
