/** What C xenstored's options become, and what a C xenstored is told that takes over. */
import { assertEquals } from "@std/assert";
import { readXenstoredOptions } from "../../cmd/stock/xenstored_options.ts";
import { nextC } from "../../lib/server/live_update/command_line.ts";

/** The options of `xs serve` for those of xenstored. */
function served(...args: string[]): readonly string[] {
  return readXenstoredOptions(args, (path) => `/here/${path}`).serve;
}

Deno.test("xenstored's timeout of events and soft quota are those of xs serve", () => {
  for (const args of [["-w", "watch-event=7"], ["--timeout", "watch-event=7"]]) {
    assertEquals(served(...args), ["--xen=yes", "--event-timeout=7"]);
  }
  assertEquals(served("-q", "memory=9", "-Q", "outstanding=5"), [
    "--xen=yes",
    "--quota=soft-memory=9",
    "--quota=outstanding=5",
  ]);
});

Deno.test("C xenstored is told the timeout of events when it takes over", () => {
  assertEquals(nextC(null, { eventTimeout: 6_500 }), ["-w", "watch-event=7", "-U"]);
  assertEquals(nextC(null, {}), ["-U"]);
});
