/** The project looks at itself: directions of imports, sizes, words that must not stay. */
import { assert, assertEquals } from "@std/assert";
import { commands } from "../../cmd/command_list.ts";
import { layerCycles, LAYERS, suiteCrossings, wrongDirections } from "./layers.ts";
import { filesUnder, parseSource, readSources, readText, ROOT } from "../support/sources.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

const sources = readSources(["cmd", "lib", "ffi"]);
const everything = filesUnder("", /\.(ts|js|c|h|py|sh|sql|md|json)$|^\.ci\//);

function nothing(found: readonly string[], what: string): void {
  assertEquals(found, [], `${what}:\n${found.join("\n")}`);
}

Deno.test("the checks read what they are meant to read", () => {
  const text = [
    `import { a } from "../lib/store/node.ts";`,
    `export * from "./other.ts";`,
    `const late = await import("./late.ts");`,
    `export function long(): void {`,
    `  Deno.dlopen("x", {});`,
    `}`,
  ].join("\n");
  const source = parseSource("ffi/sample.ts", text);
  assertEquals(source.imports.map(({ line }) => line), [1, 2, 3]);
  assertEquals(source.functions, [{ name: "long", line: 4, lines: 3 }]);
  assertEquals(source.dlopenLines, [5]);
  assertEquals(wrongDirections([source]), [
    "ffi/sample.ts:1: ffi may not use lib/store/node.ts",
  ]);
  assert(sources.length > 50, `only ${sources.length} source files found under ${ROOT}`);
});

Deno.test("imports point down", () => {
  nothing(
    wrongDirections(sources.filter(({ path }) => path !== "lib/limits.ts")),
    "up or sideways",
  );
  nothing(layerCycles(), "layers that use each other");
});

Deno.test("no suite of tests uses another one: what several use is in tests/support", () => {
  const suites = readSources(["bench", "scripts", "tests"]);
  assert(suites.length > 250, `only ${suites.length} files were read`);
  nothing(suiteCrossings(suites), "from one suite into another");
  const [a, b] = [`import "../b/b.ts";`, `import "../support/c.ts";\nimport "./d.ts";`];
  assertEquals(suiteCrossings([parseSource("tests/a/a.ts", a)]), [
    "tests/a/a.ts:1: uses tests/b/b.ts",
  ]);
  assertEquals(suiteCrossings([parseSource("tests/a/a.ts", b)]), []);
});

Deno.test("every source file belongs to a layer", () => {
  const layered = Object.keys(LAYERS);
  const common = [
    "lib/clock.ts",
    "lib/files.ts",
    "lib/limits.ts",
    "lib/part_file.ts",
    "lib/std.d.ts",
  ];
  const stray = sources
    .map(({ path }) => path)
    .filter((path) => !common.includes(path) && !layered.some((layer) => path.startsWith(layer)));
  nothing(stray, "in no layer");
});

Deno.test("only ffi opens C libraries: libc in one module, and Xen's in one", () => {
  const openers = sources
    .filter(({ dlopenLines }) => dlopenLines.length > 0)
    .map(({ path, dlopenLines }) => `${path}: ${dlopenLines.length}`);
  assertEquals(openers, ["ffi/libc.ts: 1", "ffi/xen/library.ts: 1"]);
});

/** What may name this machine's clock: where a program begins, and where a caller need not name one. */
const CLOCK_GIVERS = [
  "cmd/shell.ts",
  "lib/client/client.ts",
  "lib/client/session.ts",
  "lib/clock.ts",
  "lib/journal/store_file.ts",
  "lib/testing/embedded.ts",
  "lib/server/logging/trace.ts",
];

Deno.test("the time comes from a clock that was given", () => {
  const paths = sources.map(({ path }) => path);
  const runtime =
    /\b(?:Date\.now|performance\.now|setTimeout|setInterval|AbortSignal\.timeout)\b|\bDate\(\)/;
  nothing(
    matching(runtime, paths.filter((path) => path !== "lib/clock.ts")),
    "asks the runtime for the time",
  );
  nothing(
    matching(/\bsystemClock\b/, paths.filter((path) => !CLOCK_GIVERS.includes(path))),
    "names this machine's clock",
  );
  const patched = new RegExp("\\b(?:Date|performance)\\.now" + " = ");
  nothing(matching(patched, everything.filter((path) => /^(tests|bench)\//.test(path))), "patched");
});

Deno.test("files and functions stay small", () => {
  const files = sources
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    // A list, which is to stay in one place.
    .filter(({ lines, path }) => lines > FILE_LINES_MAX && path !== "lib/limits.ts")
    .map(({ path, lines }) => `${path}: ${lines} lines`);
  nothing(files, `files over ${FILE_LINES_MAX} lines`);
  const functions = sources.flatMap(({ path, functions }) =>
    functions
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ name, line, lines }) => `${path}:${line}: ${name}, ${lines} lines`)
  );
  nothing(functions, `functions over ${FUNCTION_LINES_MAX} lines`);
});

/** Lines of the project's files that match, except where `but` does. */
function matching(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    readText(path).split("\n").flatMap((line, i) =>
      pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : []
    )
  );
}

Deno.test("nothing is left to do, and no comment is a banner", () => {
  // Put together here, so that this file does not match itself.
  const marks = new RegExp(
    `\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`,
  );
  nothing(matching(marks, everything), "left to do");
  const banner = new RegExp("^\\s*(//|/?\\*+|#)\\s*" + "([-=*#~])\\2{4,}");
  nothing(
    matching(banner, everything.filter((path) => /\.(ts|js|c|py|sh)$/.test(path))),
    "banners",
  );
});

Deno.test("messages say cannot", () => {
  // The drop-ins say what the stock tools say.
  const own = sources.filter(({ path }) => !/^(?:cmd\/stock|lib\/client\/tools)\//.test(path));
  const found = own.flatMap(({ path, text }) =>
    text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g, "").split("\n")
      .filter((line) => /["`].*\b(?:can't|couldn't|could not)\b/.test(line))
      .map((line) => `${path}: ${line.trim()}`)
  );
  nothing(found, "can't and could not");
});

Deno.test("any is used for no type", () => {
  const excuse = new RegExp("deno-lint-ignore(-file)?\\b.*no-explicit" + "-any");
  nothing(
    matching(excuse, everything.filter((path) => path.endsWith(".ts") && path !== "lib/std.d.ts")),
    "excused from the lint rule",
  );
});

Deno.test("the project names no machine that it was written on", () => {
  const places = ["/" + "work/", "\\.\\./" + "shared", "\\." + "library", "/tmp/" + "denoeco"];
  nothing(matching(new RegExp(places.join("|")), everything), "foreign paths");
});

Deno.test("a file imports from another one once", () => {
  const twice = readSources(["cmd", "lib", "ffi", "tests", "bench", "scripts"]).flatMap(
    (source) => {
      const found = [...source.text.matchAll(/^import (?!type \* )[^;]*? from "([^"]+)"/gm)];
      const names = found.map((match) => match[1]!);
      return names.filter((name, i) => names.indexOf(name) !== i)
        .map((name) => `${source.path}: ${name}`);
    },
  );
  nothing(twice, "two imports from one file");
});

Deno.test("links in the documentation lead somewhere", () => {
  const broken: string[] = [];
  for (const path of everything.filter((name) => name.endsWith(".md"))) {
    for (const match of readText(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      const link = (match[1] ?? "").replace(/#.*$/, "");
      if (link === "" || /^[a-z]+:/.test(link)) continue;
      const target = new URL(link, `file://${ROOT}${path}`).pathname;
      if (!exists(target)) broken.push(`${path}: ${link}`);
    }
  }
  nothing(broken, "broken links");
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("each command of xs has a file of its name, and no other", () => {
  const found = filesUnder("cmd/commands", /\.ts$/).map((path) => {
    const commands = readText(path).match(/^export const \w+Command\b/gm) ?? [];
    return `${path}: ${commands.length}`;
  });
  const names = commands.map(({ docs }) => docs.name);
  assert(names.length > 15);
  assertEquals(
    found,
    names.map((name) => `cmd/commands/${name.replaceAll("-", "_")}.ts: 1`).sort(),
  );
});

Deno.test("each folder of the server has its line in docs/architecture.md, and no file lies loose", () => {
  const files = filesUnder("lib/server", /\.ts$/).map((path) => path.split("/").slice(2));
  const loose = files.filter(({ length }) => length === 1).map(([name]) => name);
  assertEquals(loose, ["loop.ts", "scheduler.ts"]);
  const rooms = new Set(files.filter(({ length }) => length > 1).map(([room]) => `${room}/`));
  const told = [...readText("docs/architecture.md").matchAll(/^\| `([a-z_]+\/)` +\|/gm)]
    .map((match) => match[1]!).filter((name) => !["cmd/", "ffi/"].includes(name));
  assertEquals(told.sort(), [...rooms].sort());
});
