/** docs/security.md names tests and limits that there are. */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";

const text = readText("docs/security.md");
const tests = filesUnder("tests", /\.ts$/);
const sources = tests.map((path) => readText(path).replaceAll('\\"', '"')).join("\n");
const limits = readText("lib/limits.ts");

/** What stands in backquotes behind `Test:` in each item of a list. */
function named(): string[] {
  const items = text.split(/\n\n|\n(?=- \*\*)/).filter((item) => item.startsWith("- **"));
  return items.flatMap((item) => {
    const tests = item.split(/\n {2}Test: /)[1]?.replace(/\s+/g, " ") ?? "";
    return [...tests.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
  });
}

Deno.test("docs/security.md: each test that it names is there", () => {
  const names = named();
  assert(names.length > 40, `only ${names.length} names found`);
  const missing = names.flatMap((name) => name.split("..."))
    .map((part) => part.trim())
    .filter((part) => part !== "" && !sources.includes(part));
  assertEquals(missing, []);
});

Deno.test("docs/security.md: each file and each limit that it names is there", () => {
  const files = [...text.matchAll(/\b(?:tests|lib)\/[\w/]+\.ts\b/g)].map(([path]) => path);
  assert(files.length > 10);
  assertEquals(files.filter((path) => !tests.includes(path) && !path.startsWith("lib/")), []);
  for (const path of files.filter((path) => path.startsWith("lib/"))) readText(path);
  const names = [...text.matchAll(/`([A-Z][A-Z_]{5,})(?:\.\.\.)?`/g)].map((match) => match[1]!)
    .filter((name) => !["RESET_WATCHES"].includes(name));
  assert(names.length > 10);
  assertEquals(names.filter((name) => !limits.includes(`export const ${name}`)), []);
});
