/** What a user means by the name of a source. */
import { assertEquals } from "@std/assert";
import { parseSource } from "../../lib/archive/source.ts";
import { makeScratch } from "../support/scratch.ts";

Deno.test("a source's name is taken whole where there is such a file", async () => {
  await using scratch = await makeScratch();
  const before = Deno.cwd();
  Deno.chdir(scratch.path);
  try {
    for (const text of ["#12", "dump@5m", "@5m"]) {
      const kinds = [parseSource(text, 1e12).kind];
      Deno.writeTextFileSync(text, "");
      const { kind, point } = parseSource(text, 1e12);
      assertEquals(
        [...kinds, kind, point],
        [text === "dump@5m" ? "file" : "live", "file", null],
        text,
      );
    }
  } finally {
    Deno.chdir(before);
  }
});
