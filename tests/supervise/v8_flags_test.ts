/** V8's flags: every daemon has them, however it came to run. */
import { assertEquals } from "@std/assert";
import { V8_FLAGS } from "../../lib/limits.ts";
import { XS_MARK } from "../../lib/server/live_update/candidate.ts";
import { RawClient } from "../support/raw_client.ts";
import { update } from "../support/operator.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { readText } from "../support/sources.ts";
import { Supervised } from "../support/supervised.ts";

/** Has V8 print the value of each of its flags as it starts, one a line. */
const PRINT = { DENO_V8_FLAGS: "--print-flag-values" };

/** How many of the processes that print had all flags as they are to be. */
function withFlags(output: string): number {
  const lines = output.split("\n");
  return Math.min(...V8_FLAGS.map((flag) => lines.filter((line) => line === flag).length));
}

Deno.test("V8's flags: a daemon has them", async () => {
  await using daemon = await startDaemon({ env: PRINT });
  assertEquals(withFlags(daemon.output()), 1);
});

Deno.test("V8's flags: a supervisor's daemon has them, and the one after it", async () => {
  await using supervised = await Supervised.start([], undefined, PRINT);
  const { server } = supervised;
  // The supervisor itself prints, too.
  await until("both with flags", () => withFlags(server.output()) === 2);
  await supervised.kill();
  await until("the next daemon with flags", () => withFlags(server.output()) === 3);
});

Deno.test("V8's flags: the daemon after a live update has them", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({
    socket: `${scratch.path}/socket`,
    args: ["--xen", "no"],
  });
  assertEquals(withFlags(daemon.output()), 0);
  const [command, ...words] = xsCommand();
  // Of the trial's output only the beginning is kept.
  await Deno.writeTextFile(
    `${scratch.path}/next`,
    `#!/bin/sh\n# ${XS_MARK}\n` +
      `case "$*" in *--live-update-check*) ;; *) export DENO_V8_FLAGS=--print-flag-values ;; esac\n` +
      `exec ${[command, ...words].join(" ")} "$@"\n`,
    { mode: 0o755 },
  );
  const client = await RawClient.connect(daemon.socketPath);
  const commandLine = `serve --socket ${daemon.socketPath} --xen no`;
  const file = `${scratch.path}/next`;
  assertEquals(await update(client, { file, commandLine }), "OK", daemon.output());
  client.close();
  await until("the next daemon with flags", () => withFlags(daemon.output()) === 1);
});

Deno.test("V8's flags: `deno task serve` has them", () => {
  const { tasks } = JSON.parse(readText("deno.json")) as {
    tasks: Record<string, { command: string }>;
  };
  assertEquals(/--v8-flags=(\S+)/.exec(tasks.serve?.command ?? "")?.[1]?.split(","), [...V8_FLAGS]);
});
