/** `xs serve --at` of the history that a daemon has, while it runs and when it was killed. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { type ServerProcess, startServer } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";

async function xs(socket: string, ...args: string[]): Promise<string> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  const status = await runApp(shell);
  return `${status}: ${shell.printed.out}${shell.printed.err}`;
}

async function serveAt(
  socketPath: string,
  live: string,
  ...args: string[]
): Promise<ServerProcess> {
  const [command, ...words] = xsCommand();
  return await startServer({
    name: "xs serve --at",
    command,
    args: [...words, "serve", "--socket", socketPath, ...args],
    env: { XENSTORED_PATH: live },
    socketPath,
  });
}

Deno.test("serve --at: a commit of a daemon that runs, that was killed, and of one in memory", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, store = `${path}/store`, past = `${path}/past`;
  await using daemon = await startDaemon({ args: ["--store", store] });
  const socket = daemon.socketPath;
  {
    await using client = await Client.connect({ socket });
    for (const value of ["1", "2", "3"]) await client.write("/a/b", value);
    await client.write("/local/domain/1/data/set_clipboard", "secret");
    await client.rm("/a");
  }
  const commits = (await xs(socket, "log", "--json", "/a/b")).split("\n").slice(0, -1)
    .map((line) => JSON.parse(line.replace(/^0: /, ""))).filter(({ type }) => type === "commit");
  assertEquals(commits.length, 4);
  const at = (i: number): string => `#${commits[i].number}`;
  const check = async (...args: string[]): Promise<void> => {
    for (const [i, value] of ["1", "2", "3"].entries()) {
      await using server = await serveAt(past, socket, "--at", at(i), ...args);
      assertMatch(
        server.output(),
        /^xs serves the store of \S+(?: \S+)? as it was at #\d+, for reading/m,
      );
      // The operator hears what it is at once, not at the end.
      assertStringIncludes(server.output(), `as after ${at(i)} of the history`);
      assertEquals(await xs(past, "read", "/a/b"), `0: ${value}\n`);
      assertMatch(await xs(past, "write", "/a/b", "x"), /^1: .*EROFS/);
    }
    await using server = await serveAt(past, socket, "--at", at(3), ...args);
    assertMatch(await xs(past, "read", "/a/b"), /^1: .*ENOENT/);
    const hidden = await xs(past, "read", "/local/domain/1/data/set_clipboard");
    assertEquals(hidden, "0: <6 bytes hidden>\n");
    assertEquals(await xs(past, "control", "check"), "0: OK\n");
    await server.stop();
  };
  await check();
  await check("--store", store);
  // Another daemon's store is not looked for at this one's.
  const asked = await xs(
    `${path}/none`,
    "serve",
    "--at",
    at(1),
    "--store",
    store,
    "--socket",
    past,
  );
  assertStringIncludes(asked, "a daemon has it: ask that one (name its socket in XENSTORED_PATH)");
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  await check("--store", store);
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  assertEquals(names.filter((name) => !name.startsWith("store")), []);
});

Deno.test("serve --at: a daemon that keeps its store in memory has a past, too", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  const socket = daemon.socketPath, past = `${scratch.path}/past`;
  await using client = await Client.connect({ socket });
  for (const value of ["1", "2"]) await client.write("/a", value);
  const [, first] = /^0: #(\d+)/.exec(await xs(socket, "log", "--oneline", "/a"))!;
  await using server = await serveAt(past, socket, "--at", `#${first}`);
  assertEquals(await xs(past, "read", "/a"), "0: 1\n");
  await server.stop();
});

Deno.test("serve --at: no placeholder gets into a dump, a difference or a restore by its socket", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  const socket = daemon.socketPath, past = `${scratch.path}/past`, file = `${scratch.path}/dump`;
  const hidden = "/local/domain/1/data/set_clipboard";
  await using client = await Client.connect({ socket });
  await client.write("/local/domain/2/name", "web");
  await client.write(hidden, "secret");
  await using server = await serveAt(past, socket, "--at", "-0s");
  const why =
    `xs: dump live: the value of ${hidden} is hidden in the history, and a restore would ` +
    "put its placeholder into the store (dump the moment itself: xs dump --at POINT --format text)\n";
  for (const format of ["stream", "json", "oxenstored-binary", "text"]) {
    for (const more of [[], ["-o", file], ["--domain", "1"]]) {
      assertEquals(await xs(past, "dump", "--format", format, ...more), `1: ${why}`);
    }
  }
  const diff = await xs(past, "diff", "live", "live");
  assertEquals(diff, `2: ${why.replace("dump live", "diff live")}`);
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), ["past"]);
  // Another domain's part has nothing that is hidden.
  const part = await xs(past, "dump", "--domain", "2", "--json");
  assertStringIncludes(part, '"/local/domain/2/name","value":"web"');
  await server.stop();
});

Deno.test("serve --at: a stopped daemon is one line, after as long as --timeout says", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, past = `${scratch.path}/past`;
  await using daemon = await startDaemon({ args: ["--store", store] });
  const socket = daemon.socketPath;
  {
    await using client = await Client.connect({ socket });
    await client.write("/a", "1");
  }
  const why = "the daemon did not answer within 100ms " +
    "(it may be stopped or very busy; --timeout sets the limit)\n";
  const at = ["serve", "--at", "#2", "--socket", past];
  Deno.kill(daemon.pid, "SIGSTOP");
  try {
    for (const args of [[], ["--store", store]]) {
      const told = await xs(socket, ...at, "--timeout", "100ms", ...args);
      assertMatch(told, /^1: xs: serve [^\n]*\n$/);
      assertStringIncludes(told, why);
    }
    // A command beside it says the same.
    assertStringIncludes(await xs(socket, "dump", "--at", "#2", "--timeout", "100ms"), why);
  } finally {
    Deno.kill(daemon.pid, "SIGCONT");
  }
  const alone = await xs(socket, "serve", "--socket", past, "--timeout", "1s");
  assertMatch(alone, /^2: xs: serve --timeout: it needs --at /);
});
