import { assertEquals } from "@std/assert";
import { Results } from "./results.ts";

function resultsOf(...lines: string[]): Results {
  const results = new Results();
  for (const line of lines) results.take(line);
  return results;
}

Deno.test("results are read out of the console's other lines", () => {
  const results = resultsOf(
    "[    3.2] xen: noise [check] ok a.first",
    "dom0 up after 6 s",
    "[check] not ok second: got 'x: y', not ''",
    "[check] skip third: not here",
    "[check] end 3",
  );
  assertEquals(results.all, [
    { outcome: "ok", name: "a.first", why: "" },
    { outcome: "not ok", name: "second", why: "got 'x: y', not ''" },
    { outcome: "skip", name: "third", why: "not here" },
  ]);
  assertEquals(results.fault(), "1 of 3 checks failed");
});

Deno.test("a run without fault made all its checks and came to its end", () => {
  assertEquals(resultsOf("[check] ok one", "[check] end 1").fault(), null);
});

Deno.test("a run that was cut short, lost lines or checked nothing is a failure", () => {
  assertEquals(resultsOf("[check] ok one").fault(), "the checks did not come to their end");
  assertEquals(
    resultsOf("[check] ok one", "[check] end 2").fault(),
    "dom0 made 2 checks, the console shows 1",
  );
  assertEquals(resultsOf("[check] end 0").fault(), "no check passed");
});
