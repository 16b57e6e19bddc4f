/** `xs serve --at`: a moment of the past for any client, in nobody's place, and nothing of it afterwards. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { type ServerProcess, startServer } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { makeStaleSocket } from "../support/stale_socket.ts";
import { warningsIn } from "../support/warnings.ts";

/** A store whose daemon has ended; returns the turns after which /a was 1 and 2. */
async function makeStore(folder: string): Promise<readonly [number, number]> {
  await using daemon = await startDaemon({ args: ["--store", `${folder}/store`] });
  await using client = await Client.connect({ socket: daemon.socketPath });
  const turns: number[] = [];
  for (const value of ["1", "2", "3"]) {
    await client.write("/a/b", value);
    turns.push(turns.length + 1);
  }
  await client.write("/a/bytes", new Uint8Array([0, 255, 10]));
  await client.setPerms("/a/b", [{ domid: 0, access: "b" }]);
  await daemon.stop();
  return [turns[0]!, turns[1]!];
}

/** Everything in a folder, with its bytes. */
function contents(folder: string): Map<string, string> {
  return new Map(
    [...Deno.readDirSync(folder)].map(({ isFile, name }) =>
      [name, isFile ? Deno.readFileSync(`${folder}/${name}`).toHex() : ""] as const
    ).sort(),
  );
}

async function serveAt(folder: string, point: string): Promise<ServerProcess> {
  const [command, ...words] = xsCommand();
  const socketPath = `${folder}/past`, store = `${folder}/store`;
  return await startServer({
    name: "xs serve --at",
    command,
    args: [...words, "serve", "--at", point, "--store", store, "--socket", socketPath],
    socketPath,
  });
}

async function stock(tool: string, socket: string, ...args: string[]): Promise<string> {
  const { code, stderr, stdout } = await new Deno.Command(tool, {
    args,
    env: { XENSTORED_PATH: socket },
  }).output();
  const text = new TextDecoder();
  return `${code}: ${text.decode(stdout)}${text.decode(stderr)}`;
}

async function xs(socket: string, ...args: string[]): Promise<readonly [number, string]> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  const status = await runApp(shell);
  return [status, shell.printed.out + shell.printed.err];
}

const noTool = await missingFile("/usr/bin/xenstore-ls", "xenstore-utils");

testUnless(
  noTool,
  "serve --at: the stock tools see the store as it was, and cannot change it",
  async () => {
    await using scratch = await makeScratch();
    const { path } = scratch, [first, second] = await makeStore(path), before = contents(path);
    for (const [turn, value] of [[first, "1"], [second, "2"]] as const) {
      await using server = await serveAt(path, `turn:${turn}`);
      assertMatch(server.output(), /xs serves the store of \S+ as it was at turn:\d+, for reading/);
      const tree = `/a = ""\n/a/b = "${value}"\n/tool = ""\n/tool/xenstored = ""\n`;
      assertEquals(await stock("xenstore-ls", server.socketPath, "-f"), `0: ${tree}`);
      assertEquals(await stock("xenstore-read", server.socketPath, "/a/b"), `0: ${value}\n`);
      for (const args of [["write", "/a/b", "x"], ["rm", "/a"], ["chmod", "/a", "n0"]]) {
        const [tool, ...words] = args;
        const told = await stock(`xenstore-${tool}`, server.socketPath, ...words);
        assert(!told.startsWith("0:"), told);
        const [status, text] = await xs(server.socketPath, ...args);
        assertEquals(status, 1);
        const why = "this socket is read-only: it serves the past, or users that may only look";
        assertEquals(text, `xs: ${args[0]} ${args[1]}: ${why} (EROFS)\n`);
      }
      assertEquals(await stock("xenstore-read", server.socketPath, "/a/b"), `0: ${value}\n`);
      assertEquals((await server.stop()).code, 0);
      assertEquals(contents(path), before, "it has left something, or changed the store");
    }
  },
);

Deno.test("serve --at: all of the moment is there, bytes and permissions, and adds up", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  await makeStore(path);
  await using server = await serveAt(path, "-0s");
  const socket = server.socketPath;
  await using client = await Client.connect({ socket });
  assertEquals(await client.read("/a/bytes"), new Uint8Array([0, 255, 10]));
  assertEquals(await xs(socket, "diff", `${path}/store`, "live", "--domain", "5"), [
    2,
    `xs: diff ${path}/store: there is no domain 5\n`,
  ]);
  const [, text] = await xs(socket, "dump", "--format", "text");
  assertStringIncludes(text, '/a/b = "3"   (b0)\n');
  assertEquals(await xs(socket, "control", "check"), [0, "OK\n"]);
  assertEquals((await xs(socket, "status"))[0], 0);
  // A transaction that only reads is as good as any.
  assertEquals(await client.transaction((inside) => inside.readText("/a/b")), "3");
  await server.stop();
  assertEquals(warningsIn(server.output()), []);
});

Deno.test("serve --at: no daemon loses its place, whether it runs or has died", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  await makeStore(path);
  const store = `${path}/store`;
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await makeStaleSocket(`${path}/dead`);
  Deno.writeTextFileSync(`${path}/file`, "text");
  for (const place of [daemon.socketPath, `${path}/dead`, `${path}/file`]) {
    assertEquals(await xs("/none", "serve", "--at", "-0s", "--store", store, "--socket", place), [
      1,
      `xs: serve: cannot listen on '${place}': there is a file already ` +
      "(remove it, or give --socket PATH)\n",
    ]);
  }
  assertEquals((await xs(daemon.socketPath, "exists", "/tool"))[0], 0);
});

Deno.test("serve --at: what it cannot do is one line", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  await makeStore(path);
  const store = ["--store", `${path}/store`], socket = ["--socket", `${path}/past`];
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["--at", "-0s", ...socket], 1, /there is no such socket/],
    [["--at", "-0s", ...store], 2, /--at: it needs a --socket/],
    [["--at", "soon", ...store, ...socket], 2, /--at: invalid point in time 'soon'/],
    [["--at", "2999-01-01", ...store, ...socket], 2, /--at: '2999-01-01' is in the future/],
    [["--at", "turn:99", ...store, ...socket], 1, /store: its last turn is \d+/],
    [
      ["--at", "-1h", ...store, ...socket],
      1,
      /store@-1h: this point is too early: the history begins at /,
    ],
    [["--at", "-0s", "--store", `${path}/none`, ...socket], 1, /none: no such file/],
    [["--at", "-0s", ...store, ...socket, "--supervise"], 2, /--supervise: it contradicts --at/],
    [["--at", "-0s", ...store, ...socket, "--persist", "disk"], 2, /--persist: it contradicts/],
    [["--at", "-0s", ...store, ...socket, "--xen", "yes"], 2, /--xen: it contradicts --at/],
    [["--at", "-0s", ...store, ...socket, "--quota", "nodes=1"], 2, /--quota: it contradicts/],
    [["--at", "-0s", ...store, "--socket", `${path}/none/past`], 1, /there is no directory/],
  ];
  const before = contents(path);
  for (const [args, status, text] of cases) {
    const got = await xs("/none", "serve", ...args);
    assertEquals(got[0], status, args.join(" "));
    assertMatch(got[1], /^xs: serve[^\n]*\n$/);
    assertMatch(got[1], text);
  }
  assertEquals(contents(path), before);
});
