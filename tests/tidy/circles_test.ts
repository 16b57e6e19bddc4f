/** No file imports another that imports it, directly or through others. */
import { assert, assertEquals } from "@std/assert";
import { circles } from "./circles.ts";
import { parseSource, readSources } from "../support/sources.ts";

const sources = readSources(["bench", "cmd", "ffi", "lib", "scripts", "tests"]);

Deno.test("no file imports one that imports it", () => {
  assertEquals(circles(sources), []);
});

Deno.test("circles are found through types, late imports and other files", () => {
  const a = parseSource("lib/a.ts", `import type { B } from "./b.ts";`);
  const b = parseSource("lib/b.ts", `export { c } from "./deep/c.ts";\nimport "./alone.ts";`);
  const c = parseSource("lib/deep/c.ts", `const a = await import("../a.ts");`);
  const typed = parseSource("lib/deep/c.ts", `export let a: import("../a.ts").A;`);
  const alone = parseSource("lib/alone.ts", `export const alone = 1;`);
  const self = parseSource("lib/self.ts", `import * as self from "./self.ts";`);
  const expected = [
    "lib/a.ts -> lib/b.ts",
    "lib/b.ts -> lib/deep/c.ts",
    "lib/deep/c.ts -> lib/a.ts",
  ];
  assertEquals(circles([a, b, c, alone]), expected);
  assertEquals(circles([a, b, typed, alone]), expected);
  assertEquals(circles([self]), ["lib/self.ts -> lib/self.ts"]);
  assertEquals(circles([a, b, alone]), []);
  assert(sources.length > 400, `only ${sources.length} files were read`);
});
