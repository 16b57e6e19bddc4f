/** Nothing in the folders of the program is there for tests alone, or for nobody. */
import { assert, assertEquals } from "@std/assert";
import { parseSource, readSources, readText, type Source } from "../support/sources.ts";
import { resolve } from "./layers.ts";

/** What the package exports. */
const ENTRIES = ["mod.ts", "client.ts", "wire.ts", "testing.ts"];

const sources: readonly Source[] = [
  ...readSources(["lib", "cmd", "ffi", "scripts"]),
  ...ENTRIES.map((path) => parseSource(path, readText(path))),
];

/** The files that the program, the library and the scripts load, sooner or later. */
function loaded(): Set<string> {
  const importsOf = new Map(sources.map(({ imports, path }) => [path, imports]));
  const roots = sources.map(({ path }) => path).filter((path) => path.startsWith("scripts/"));
  const reached = new Set(["cmd/main.ts", ...ENTRIES, ...roots]);
  for (const path of reached) {
    for (const { specifier } of importsOf.get(path) ?? []) {
      const target = resolve(path, specifier);
      if (target !== undefined && importsOf.has(target)) reached.add(target);
    }
  }
  return reached;
}

/** The code alone, without what is only said of it. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
}

/** What the commands that look back will use: each leaves this list with the first one that does. */
const COMING: readonly string[] = [
  "lib/history/json.ts",
  "lib/history/log_filter.ts",
  "lib/history/moment.ts",
  "lib/history/queries.ts",
  "lib/history/reading.ts",
  "lib/history/text.ts",
];

Deno.test("each file of the program is loaded by it", () => {
  const reached = loaded();
  assert(reached.size > 200, `only ${reached.size} files were reached`);
  const alone = sources.map(({ path }) => path)
    .filter((path) => !reached.has(path) && !path.endsWith("_test.ts"))
    .filter((path) => path !== "lib/std.d.ts" && !COMING.includes(path));
  assertEquals(alone, [], "only tests use these: they belong into tests");
});

Deno.test("each export of the program is used by it", () => {
  const words = new Map(sources.map(({ path, text }) => {
    const found = new Map<string, number>();
    for (const [word] of codeOf(text).matchAll(/[A-Za-z_$][\w$]*/g)) {
      found.set(word, (found.get(word) ?? 0) + 1);
    }
    return [path, found];
  }));
  const declared =
    /^export (?:abstract |async )*(?:function\*?|class|const|let|interface|type|enum) (\w+)/gm;
  const unused = sources.filter(({ path }) => !COMING.includes(path)).flatMap(({ path, text }) =>
    [...codeOf(text).matchAll(declared)].map((match) => match[1]!)
      .filter((name) => words.get(path)!.get(name) === 1)
      .filter((name) =>
        !sources.some((other) => other.path !== path && words.get(other.path)!.has(name))
      )
      .map((name) => `${path}: ${name}`)
  );
  assertEquals(unused, [], "nobody uses these, or only tests do: they belong into tests");
});
