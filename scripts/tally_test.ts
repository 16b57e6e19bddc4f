import { assertEquals } from "@std/assert";
import { closing, failedTests, lastBegun, Skips, tallyOf } from "./tally.ts";

Deno.test("the closing line of deno test is read", () => {
  const rows: readonly (readonly [string, boolean, number, number, number])[] = [
    ["ok | 3 passed | 0 failed (610ms)", true, 3, 0, 0],
    ["ok | 3 passed (4 steps) | 0 failed | 2 ignored (1s)", true, 3, 0, 2],
    ["FAILED | 1 passed | 2 failed (2 steps) | 1 ignored (1 step) (1s)", false, 1, 2, 1],
    ["ok | 9 passed | 0 failed (1ms)\nnoise\nok | 3 passed | 0 failed (2ms)\n", true, 3, 0, 0],
    ["ok | 3 passed | 0 failed (610ms)", false, 3, 1, 0],
    ["ok | 0 passed | 0 failed (0ms)", true, 0, 1, 0],
    ["error: Module not found", false, 0, 1, 0],
  ];
  for (const [output, success, passed, failed, skipped] of rows) {
    assertEquals(tallyOf(output, success), { passed, failed, skipped }, output);
  }
});

Deno.test("the test that hangs, and those that failed, are found in the output", () => {
  const output = [
    "running 3 tests from ./a_test.ts",
    "one, with dots ... and more ... ok (3ms)",
    "two ...",
    "------- post-test output -------",
    "seed 1",
    "----- post-test output end -----",
    "two ... FAILED (3s)",
    "three ...",
    "  a step ... ok (1ms)",
    "  another ... FAILED (1ms)",
    "three ... FAILED (due to 1 failed step) (3ms)",
    "  45 s  not ok dom0-read: it hangs",
    "four ... ignored (0ms)",
    "",
  ].join("\n");
  assertEquals(lastBegun(output), null);
  assertEquals(lastBegun(`${output}five ... `), "five");
  assertEquals(lastBegun(`${output}five ...\n------- output -------\nseed 2\n`), "five");
  assertEquals(failedTests(output), ["two", "another", "three", "dom0-read: it hangs"]);
});

Deno.test("in CI a skipped test is a failed one", () => {
  const tally = { passed: 4, failed: 0, skipped: 1 };
  assertEquals(closing(tally, false), { line: "4 passed, 0 failed, 1 skipped", success: true });
  assertEquals(closing(tally, true), { line: "4 passed, 1 failed", success: false });
});

Deno.test("all skipped tests are summed up in one line, with the packages that would run them", () => {
  const skips = new Skips();
  assertEquals(skips.line(0), null);
  skips.read([
    "skipped: one: with a colon: no /usr/bin/gcc: apt-get install gcc libc6-dev",
    "one: with a colon ... ignored (0ms)",
    "  skipped: no line of a test: apt-get install nothing",
    "skipped: two: no /usr/sbin/xenstored-4.17: apt-get install xen-utils-4.17",
  ].join("\n"));
  skips.read("skipped: three: no /usr/bin/gcc: apt-get install gcc\n");
  const packages = "to run them: apt-get install gcc libc6-dev xen-utils-4.17";
  assertEquals(skips.line(3), `3 skipped; ${packages}`);
  skips.read("skipped: four: no kernel\n");
  const others = 'see the lines "skipped:" for 1 of them';
  assertEquals(skips.line(4), `4 skipped; ${packages}; ${others}`);
  const alone = new Skips();
  alone.read("skipped: four: no kernel\n");
  assertEquals(alone.line(1), `1 skipped; ${others}`);
});
