/** `xs watch` with --values, --by and --timestamps. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { EventPrinter } from "../../cmd/history/event_printer.ts";
import { Client } from "../../lib/client/client.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { EVENTS_UNPRINTED_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { failure, normal } from "./support.ts";

/** Watches until there were so many lines; `act` does something when the first is there. */
async function watched(
  socket: string,
  args: readonly string[],
  steps: readonly (() => Promise<void>)[],
): Promise<string> {
  const count = `${steps.length + 1}`;
  const shell = fakeShell(["watch", "-n", count, ...args], { env: { XENSTORED_PATH: socket } });
  const running = runApp(shell);
  for (const [i, step] of steps.entries()) {
    while (shell.printed.out.split("\n").length - 1 < i + 1) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await step();
  }
  assertEquals([await running, shell.printed.err], [0, ""]);
  return shell.printed.out;
}

Deno.test("watch --values: what each path has now, on any daemon", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  const out = await watched(server.socketPath, ["--values", "/w"], [
    () => client.write("/w", "one\x1b[2J"),
    () => client.write("/w/below", new Uint8Array([0xff, 0x41])),
    () => client.rm("/w"),
  ]);
  assertEquals(normal(out), [
    "/w is not there",
    '/w = "one\\u001b[2J"',
    '/w/below = "\\xffA"',
    "/w is not there",
  ]);
});

Deno.test("watch --by: what it had before, and who changed it in which commit", async () => {
  await using server = await startRecorded();
  await using client = await Client.connect({ socket: server.socketPath });
  await client.write("/w", "zero");
  const out = await watched(server.socketPath, ["--by", "--timestamps", "/w"], [
    () => client.write("/w", "one"),
    () => client.write("/w/set_clipboard", "x"),
    () => client.rm("/w"),
  ]);
  assertEquals(
    normal(out),
    [
      'TIME /w = "zero" by PROCESS in #2',
      'TIME /w = "one" (was "zero") by PROCESS in #3',
      'TIME /w/set_clipboard = "x" by PROCESS in #4',
      'TIME /w is not there (was "one") by PROCESS in #5',
    ].map((line) => line.replace("PROCESS in", "PROCESS in")),
  );
  const json = await watched(server.socketPath, ["--by", "--json", "/w"], [
    () => client.write("/w", "new"),
  ]);
  const [, event] = json.trim().split("\n").map((line) => JSON.parse(line));
  const { author } = event.commit;
  assertEquals(author.pid, Deno.pid);
  assertEquals(event, {
    path: "/w",
    watch: "/w",
    value: "new",
    old: null,
    commit: { number: 6, author },
  });
});

Deno.test("watch: --timestamps alone, --json, and --by without a history", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  const step = (): Promise<void> => client.write("/w", "1");
  assertEquals(normal(await watched(server.socketPath, ["--timestamps", "/w"], [step])), [
    "TIME /w",
    "TIME /w",
  ]);
  const json = await watched(server.socketPath, ["--values", "--timestamps", "--json", "/w"], [
    step,
  ]);
  const [first, second] = json.trim().split("\n").map((line) => JSON.parse(line));
  assertMatch(first.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assertEquals([first.value, second.value], ["1", "1"]);
  assertEquals(await failure(server.socketPath, "watch", "--by", "/w"), [
    1,
    "xs: watch --by: the daemon keeps no history (--history off)\n",
  ]);
});

Deno.test("watch --values: what waits to be printed is bounded, and each path is printed", async () => {
  const shell = fakeShell([]), waiting: (() => void)[] = [];
  let reads = 0;
  const nodes = {
    read: async () => {
      reads++;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return new Uint8Array();
    },
  };
  const printer = new EventPrinter(shell, nodes as unknown as Operations, { values: true });
  for (let i = 0; i < 5_000; i++) printer.show("/w", "/w");
  printer.show("/last", "/w");
  let isOver = false;
  const done = printer.done().then(() => isOver = true);
  while (!isOver) {
    for (const release of waiting.splice(0)) release();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await done;
  assertEquals(reads, shell.printed.out.split("\n").length - 1);
  assert(reads <= EVENTS_UNPRINTED_MAX + 3, `${reads} reads`);
  assertEquals(shell.printed.out.split("\n").at(-2), '/last = ""');
});

Deno.test("watch --values: of ever new paths so many wait to be printed, and the watched node stands for more", async () => {
  const shell = fakeShell([]);
  const nodes = { read: () => Promise.resolve(new Uint8Array()) };
  const printer = new EventPrinter(shell, nodes as unknown as Operations, { values: true });
  for (let i = 0; i < 5_000; i++) printer.show(`/w/${i}`, "/w");
  await printer.done();
  const lines = shell.printed.out.split("\n").slice(0, -1);
  assert(lines.length <= EVENTS_UNPRINTED_MAX + 2, `${lines.length} lines`);
  assertEquals([lines[0], lines.at(-1)], ['/w/0 = ""', '/w = ""']);
});

Deno.test("watch --values: a flood is printed in the end", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  const shell = fakeShell(["watch", "--values", "/w"], {
    env: { XENSTORED_PATH: server.socketPath },
  });
  const running = runApp(shell);
  while (shell.printed.out === "") await new Promise((resolve) => setTimeout(resolve, 2));
  const writes = Array.from({ length: 5_000 }, (_, i) => client.write("/w", `${i}`));
  await Promise.all(writes);
  await client.write("/w", "the end");
  while (!shell.printed.out.endsWith('/w = "the end"\n')) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await server.stop();
  assertEquals(await running, 1);
});
