/** Xen's own test program for Xenstore daemons, as Debian's xen-utils-4.17 has it. */
import { assertEquals } from "@std/assert";
import { runClient, serversUnderTest } from "./servers.ts";
import { startDaemon } from "../support/daemon.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { missingFile, testUnless } from "../support/skip.ts";

const PROGRAM = "/usr/lib/xen-4.17/bin/test-xenstore";
const noProgram = await missingFile(PROGRAM, "xen-utils-4.17");
/** How long its random mode runs, in s. */
const RANDOM_S = Deno.env.get("CI") === "true" ? 20 : 10;

const TESTS = [
  "read 1",
  "read 2000",
  "write 1",
  "write 2000",
  "dir",
  "rm node",
  "rm dir",
  "ta empty",
  "ta empty x",
  "ta rmw",
  "ta rmw x",
  "ta err",
];

/** The names of the tests whose line says that they took some time, which failed ones don't. */
function passed(output: string): string[] {
  const lines = output.matchAll(/^(.{10}): (?:avg: )?\d+ ns/gm);
  return [...lines].map((match) => (match[1] ?? "").trim());
}

for (const { name, missing, start } of await serversUnderTest()) {
  testUnless(
    noProgram ?? missing,
    `test-xenstore, each test once and 20 times: ${name}`,
    async () => {
      await using server = await start();
      for (const args of [[], ["-i", "20"]]) {
        const { code, output } = await runClient(server, PROGRAM, args, PATIENCE_MS);
        assertEquals(passed(output), TESTS, output);
        assertEquals(code, 0, output);
      }
    },
  );
}

testUnless(noProgram, `test-xenstore, random for ${RANDOM_S} s: xs`, async () => {
  await using server = await startDaemon();
  const limit = RANDOM_S * 1000 + PATIENCE_MS;
  const { code, output } = await runClient(server, PROGRAM, ["-r", `${RANDOM_S}`], limit);
  assertEquals(code, 0, output);
  assertEquals(/failed/.test(output), false, output);
});
