/** Looking back at a real daemon: while it serves, after it was killed, and after the next one has begun. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { toText } from "../../lib/wire/text.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { failure, normal, xs } from "./support.ts";

async function onelines(socket: string, ...args: string[]): Promise<string[]> {
  const { err, out, status } = await xs(socket, ["log", "--oneline", ...args]);
  assertEquals([status, err], [0, ""]);
  return normal(out);
}

Deno.test("a daemon's history: asked over its socket, read from its file once it is dead, and gone on with", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, args = ["--store", store];
  let before: string[], acknowledged: string[];
  {
    await using daemon = await startDaemon({ args });
    const socket = daemon.socketPath;
    await using client = await Client.connect({ socket });
    await client.write("/x", "1");
    await client.write("/x", "2");
    before = await onelines(socket);
    assertMatch(before[0]!, /^#1 TIME the daemon: start with an empty store/);
    assertEquals(before.at(-1), '#3 TIME PROCESS: write /x "1" -> "2"');
    // Its file is not read behind its back: the daemon is asked, or nobody.
    assertEquals(await onelines(socket, "--store", store), before);
    const [status, err] = await failure("/nowhere/socket", "log", "--store", store);
    assertEquals([status, err], [
      1,
      `xs: log ${store}.history: a daemon has it: ask that one (name its socket in XENSTORED_PATH)\n`,
    ]);
    for (let i = 0; i < 40; i++) await client.write(`/y/${i}`, `${i}`);
    acknowledged = await onelines(socket);
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.status;
    // What was acknowledged is there, each once, wherever it had got to.
    assertEquals(await onelines(socket, "--store", store), acknowledged);
    const read = await xs(socket, ["read", "--at", "2", "/x", "--store", store]);
    assertEquals([read.status, read.out], [0, "1\n"]);
    const blame = await xs(socket, ["blame", "/y/39", "--store", store]);
    assertMatch(normal(blame.out)[0]!, /^#\d+ TIME \(AGE\) PROCESS: \/y\/39 = "39" \(n0\)$/);
  }
  await using daemon = await startDaemon({ args });
  const socket = daemon.socketPath;
  const now = await onelines(socket);
  assertEquals(now.slice(0, acknowledged.length), acknowledged);
  assertMatch(now.at(-1)!, /^#\d+ TIME the daemon: start after a death/);
  await using client = await Client.connect({ socket });
  await client.write("/x", "3");
  const since = await onelines(socket, "--since", "start");
  assert(since.length >= 1);
  assertEquals(since.at(-1)!.replace(/^#\d+/, "#N"), '#N TIME PROCESS: write /x "2" -> "3"');
  const diff = await xs(socket, ["diff", "#3", "live"]);
  assertEquals(diff.out.split("\n").filter((line) => line.includes("/x =")), [
    '- /x = "2"   (n0)',
    '+ /x = "3"   (n0)',
  ]);
});

Deno.test("a second daemon on one store is refused in a line, and the first one goes on", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, args = ["--store", store, "--xen", "no"];
  await using daemon = await startDaemon({ args });
  await using client = await Client.connect({ socket: daemon.socketPath });
  await client.write("/x", "1");
  const [command, ...words] = xsCommand();
  const second = await new Deno.Command(command, {
    args: [...words, "serve", "--socket", `${scratch.path}/other`, ...args],
  }).output();
  assertEquals([second.code, new TextDecoder().decode(second.stderr)], [
    1,
    `xs: serve: ${store} is in use by another daemon (stop that one first)\n`,
  ]);
  await client.write("/x", "2");
  assertEquals((await onelines(daemon.socketPath)).slice(1), [
    '#2 TIME PROCESS: write /x = "1" (n0)',
    '#3 TIME PROCESS: write /x "1" -> "2"',
  ]);
});

Deno.test("a daemon without a store file keeps a history in memory; one that is to keep none says so", async () => {
  {
    await using daemon = await startDaemon({ args: ["--persist", "none"] });
    await using client = await Client.connect({ socket: daemon.socketPath });
    await client.write("/x", "1");
    const found = await onelines(daemon.socketPath);
    assertEquals(found.at(-1), '#2 TIME PROCESS: write /x = "1" (n0)');
  }
  await using daemon = await startDaemon({ args: ["--history", "off"] });
  assertEquals(await failure(daemon.socketPath, "log"), [
    1,
    "xs: log: the daemon keeps no history (--history off)\n",
  ]);
});

Deno.test("a secret on a command line is in no record, and in no file of the history", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, secret = "hunter2-on-the-command-line";
  await using daemon = await startDaemon({ args: ["--store", store] });
  const path = "/local/domain/3/data/set_clipboard", [command, ...words] = xsCommand();
  const { code } = await new Deno.Command(command, {
    args: [...words, "write", path, secret],
    env: { XENSTORED_PATH: daemon.socketPath },
  }).output();
  assertEquals(code, 0);
  const { out } = await xs(daemon.socketPath, ["log", "--json", path]);
  assert(out.includes('"hidden":'), out);
  assert(!out.includes(secret), out);
  Deno.kill(daemon.pid, "SIGTERM");
  await daemon.status;
  for (const end of ["", "-wal"]) {
    const bytes = await Deno.readFile(`${store}.history${end}`).catch(() => new Uint8Array());
    assert(!toText(bytes).includes(secret), end);
  }
});
