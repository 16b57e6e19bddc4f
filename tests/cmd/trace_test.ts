/** `xs trace`: what it prints, counts, records and shows again, and what it says of bad input. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { type FakeShell, fakeShell } from "../support/fake_shell.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";

interface Run {
  readonly shell: FakeShell;
  readonly status: Promise<number>;
}

function start(socket: string, ...args: string[]): Run {
  const shell = fakeShell(["trace", ...args], {
    env: { XENSTORED_PATH: socket },
    exists: surroundings.exists,
  });
  return { shell, status: runApp(shell) };
}

async function run(socket: string, ...args: string[]): Promise<{ status: number } & FakeShell> {
  const { shell, status } = start(socket, ...args);
  return { ...shell, status: await status };
}

/** Runs `xs trace` with these words, and asks until it ends by itself. */
async function traced(
  server: EmbeddedServer,
  ask: (client: Client) => Promise<void>,
  ...args: string[]
): Promise<string> {
  using client = await Client.connect({ socket: server.socketPath });
  const { shell, status } = start(server.socketPath, ...args);
  let ended: number | null = null;
  const end = status.then((value) => ended = value);
  while (ended === null) await ask(client);
  await end;
  assertEquals([ended, shell.printed.err], [0, ""]);
  return shell.printed.out;
}

const TIME = /^\d\d:\d\d:\d\d\.\d{6} /gm;

Deno.test("xs trace: requests with their answers; states in words, hidden values by length", async () => {
  await using server = await EmbeddedServer.start();
  const ask = async (client: Client): Promise<void> => {
    await client.write("/local/domain/5/device/vif/0/state", "4");
    await client.write("/tool/password", "secret");
    await client.write("/a", 'a "b"\n\\');
    await client.read("/none").catch(() => null);
  };
  const out = await traced(server, ask, "-n", "4", "--path", "/**", "-T");
  const who = "\\S+\\[\\d+\\]";
  const lines = out.replaceAll(TIME, "").split("\n").slice(0, -1).sort();
  const patterns = [
    `^${who} read /none = ENOENT <0\\.\\d{6}( after 0\\.\\d{6})?>$`,
    `^${who} write /a "a \\\\"b\\\\"\\\\u000a\\\\\\\\" = OK <.*>$`,
    `^${who} write /local/domain/5/device/vif/0/state "4" \\(Connected\\) = OK <.*>$`,
    `^${who} write /tool/password <6 bytes hidden> = OK <.*>$`,
  ];
  assertEquals(lines.length, 4);
  for (const [i, pattern] of patterns.entries()) assertMatch(lines[i]!, new RegExp(pattern));
});

Deno.test("xs trace -c counts by kind; --json has one object a message", async () => {
  await using server = await EmbeddedServer.start();
  const ask = async (client: Client): Promise<void> => {
    await client.write("/a", "1");
    await client.read("/none").catch(() => null);
  };
  const table = await traced(server, ask, "-c", "-n", "10", "--op", "read,write");
  assertMatch(table, /^ +\d+\.\d\d +0\.\d{6} +\d+ +5 +5 read$/m);
  assertMatch(table, /^ +\d+\.\d\d +0\.\d{6} +\d+ +5 +write$/m);
  assertMatch(table, /^100\.00 +0\.\d{6} +\d+ +10 +5 total$/m);
  const json = await traced(server, ask, "--json", "-n", "1", "--errors");
  const { kind, op, error, words } = JSON.parse(json);
  assertEquals({ kind, op, error, words }, {
    kind: "call",
    op: "read",
    error: "ENOENT",
    words: ["/none"],
  });
});

Deno.test("xs trace --write records, and the recording is shown, filtered and converted", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  const ask = async (client: Client): Promise<void> => {
    await client.write("/a", "1");
    await client.read("/none").catch(() => null);
  };
  const { shell, status } = start(server.socketPath, "--write", file);
  using client = await Client.connect({ socket: server.socketPath });
  while (!(await size(file) > 2_000)) await ask(client);
  client.close();
  const isWhole = async (): Promise<boolean> => {
    return / has ended\n$/.test((await run(server.socketPath, file)).printed.out);
  };
  await until("the client's end in the recording", isWhole);
  shell.interrupt();
  assertEquals([await status, shell.printed], [0, { out: "", err: "" }]);
  assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  const all = await run(server.socketPath, file);
  assertMatch(all.printed.out, / write \/a "1" = OK\n/);
  const errors = await run(server.socketPath, file, "--errors", "--path", "/none");
  assertMatch(errors.printed.out, / read \/none = ENOENT\n/);
  assertEquals(errors.printed.out.match(/write|ended/), null);
  const nothing = await run(server.socketPath, file, "--path", "/elsewhere");
  assertEquals([nothing.status, nothing.printed], [0, { out: "", err: "" }]);
  const output = `${scratch.path}/a.pcapng`;
  assertEquals((await run(server.socketPath, file, "--pcapng", output)).status, 0);
  const packets = await Deno.readFile(output);
  assertEquals([...packets.subarray(0, 4)], [0x0a, 0x0d, 0x0d, 0x0a]);
  assertEquals(blocks(packets).slice(0, 3), [0x0a0d0d0a, 1, 6]);
});

async function size(file: string): Promise<number> {
  return await Deno.stat(file).then((info) => info.size, () => 0);
}

/** The types of all blocks; each says its length before and behind. */
function blocks(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer);
  const types: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at + 4, true);
    assertEquals([length % 4, view.getUint32(at + length - 4, true)], [0, length]);
    types.push(view.getUint32(at, true));
    at += length;
  }
  return types;
}

Deno.test("xs trace: bad input, one line each", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  const silent = `${scratch.path}/silent`, closing = `${scratch.path}/closing`;
  const path = server.socketPath;
  const agreeing = `${scratch.path}/agreeing`;
  using agreeable = Deno.listen({ transport: "unix", path: agreeing });
  const agreed = agreeable.accept().then(async (connection) => {
    await connection.read(new Uint8Array(1_000));
    await connection.write(encodeMessage(0, 1, 0, toBytes("OK\0")));
    return connection;
  });
  using _silent = Deno.listen({ transport: "unix", path: silent });
  using listener = Deno.listen({ transport: "unix", path: closing });
  const accepting = listener.accept().then((connection) => connection.close());
  const cut = `${scratch.path}/cut`, bad = `${scratch.path}/bad`, other = `${scratch.path}/other`;
  await Deno.writeFile(cut, toBytes("xs trace 1\n\x40\0\0\0\x03"));
  await Deno.writeFile(bad, toBytes(`xs trace 1\n${"\xff".repeat(64)}`));
  await Deno.writeFile(other, toBytes("something else"));
  const rows: readonly [socket: string, args: string[], status: number, says: RegExp][] = [
    [`${scratch.path}/none`, [], 1, /^xs: trace: cannot connect to .*: there is no such socket/],
    [silent, ["--timeout", "0.05"], 1, /^xs: trace \S+: the daemon did not answer within 50ms/],
    // As oxenstored, which says OK to whatever it is told.
    [agreeing, ["--timeout", "0.1"], 1, /^xs: trace \S+: the daemon did not answer within 100ms/],
    [closing, [], 1, /^xs: trace \S+: the daemon has ended the stream/],
    [
      path,
      ["--op", "paint"],
      2,
      /^xs: trace: unknown kind of request 'paint' \(see: xs trace --help/,
    ],
    [path, ["--path", "["], 2, /^xs: trace: a path's pattern begins with \//],
    [path, ["--process", ""], 2, /^xs: trace: a process is missing/],
    [path, [bad, "--process", ""], 2, /^xs: trace: a process is missing/],
    [path, ["--domain", "web"], 1, /^xs: trace web: no domain has this name/],
    [path, [`${scratch.path}/none`], 1, /^xs: trace \S+none: no such file/],
    [path, [cut], 1, /^xs: trace \S+cut: it ends within the frame at byte 11 \(5 bytes of it\)/],
    [path, [bad], 1, /^xs: trace \S+bad: it is damaged at byte 11 \(a frame of 4294967295 bytes\)/],
    [path, [other], 1, /^xs: trace \S+other: not a recording/],
    [path, ["--write", bad], 1, /^xs: trace \S+bad: the file exists already/],
    [path, ["--pcapng", "x"], 2, /^xs: trace --pcapng: a recording is needed/],
    [path, [bad, "--write", "x"], 2, /^xs: trace --write: /],
    [path, [bad, "--op", "paint"], 2, /^xs: trace: unknown kind of request 'paint'/],
  ];
  await using _store = await withNames(path);
  for (const [socket, args, status, says] of rows) {
    const found = await run(socket, ...args);
    const about = `${args.join(" ")}: ${JSON.stringify(found.printed)}`;
    assertMatch(found.printed.err, says, about);
    assertEquals([found.status, found.printed.err.split("\n").length], [status, 2], about);
  }
  await accepting;
  (await agreed).close();
});

/** Domains with names; two have the same. */
async function withNames(socket: string): Promise<AsyncDisposable> {
  const client = await Client.connect({ socket });
  await client.write("/local/domain/1/name", "mail");
  return { [Symbol.asyncDispose]: () => Promise.resolve(client.close()) };
}

Deno.test("xs trace --domain NAME shows that domain's messages only", async () => {
  await using server = await EmbeddedServer.start();
  await using _names = await withNames(server.socketPath);
  const { shell, status } = start(server.socketPath, "--domain", "mail", "--for", "0.05");
  assertEquals([await status, shell.printed], [0, { out: "", err: "" }]);
});

Deno.test("xs trace: arguments of programs, which may be secrets, are in no recording", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  const { shell, status } = start(daemon.socketPath, "--write", file);
  const [command, ...words] = xsCommand();
  const write = async (): Promise<void> => {
    const { success } = await new Deno.Command(command, {
      args: [...words, "--socket", daemon.socketPath, "write", "/tool/password", "SECRET"],
    }).output();
    assert(success);
  };
  while (
    !toText(await Deno.readFile(file).catch(() => new Uint8Array(0))).includes("/tool/password")
  ) {
    await write();
  }
  shell.interrupt();
  await status;
  const text = toText(await Deno.readFile(file));
  assert(text.includes('"command":"'), text);
  assertEquals(text.match(/SECRET/), null);
});

Deno.test("the dissector for Wireshark knows all types of messages", async () => {
  const lua = await Deno.readTextFile(
    new URL("../../docs/wireshark/xenstore.lua", import.meta.url),
  );
  for (const [name, type] of Object.entries(MessageType)) {
    assert(lua.includes(`[${type}] = "${name}"`), name);
  }
});
