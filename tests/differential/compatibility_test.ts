/** docs/compatibility.md and the tests must not part: what one says, the other holds. */
import { assert, assertEquals } from "@std/assert";
import { ALLOWED, PARENT_SET_TOO, REMOVED_IN_COMMIT } from "./allowed.ts";
import { SCENARIOS } from "../support/conformance/scenarios.ts";

const ROOT = new URL("../../", import.meta.url);
const page = Deno.readTextFileSync(new URL("docs/compatibility.md", ROOT));

const DIFFERENCES = [...ALLOWED.map(({ name }) => name), PARENT_SET_TOO, REMOVED_IN_COMMIT];

/** The names between backticks behind `Test:` of each item of the page's lists. */
const rows = page.split(/\n\n|\n(?=- \*\*)/)
  .filter((item) => item.startsWith("- **"))
  .map((item) => item.split(/\n {2}Test: /)[1] ?? "")
  .map((names) => Array.from(names.matchAll(/`([^`]+)`/g), (match) => match[1] ?? ""));

function exists(name: string): boolean {
  if (!name.startsWith("tests/")) {
    return SCENARIOS.some((scenario) => scenario.name === name) ||
      DIFFERENCES.includes(name);
  }
  return Deno.statSync(new URL(name, ROOT)).isFile;
}

Deno.test("compatibility: every row of the page names tests that exist", () => {
  assert(rows.length > 40, `only ${rows.length} rows found`);
  for (const names of rows) {
    assert(names.length > 0, "a row without a test");
    for (const name of names) assert(exists(name), `no test is called ${name}`);
  }
});

Deno.test("compatibility: every test of a deviation is on the page", () => {
  const named = new Set(rows.flat());
  const deviations = [
    ...SCENARIOS.map(({ name }) => name).filter((name) =>
      /\((C|oxenstored|specification)\b/.test(name)
    ),
    ...DIFFERENCES,
  ];
  assertEquals(deviations.filter((name) => !named.has(name)), []);
});

Deno.test("scenarios have names of their own", () => {
  const names = SCENARIOS.map(({ name }) => name);
  assertEquals(names.filter((name, at) => names.indexOf(name) !== at), []);
});
