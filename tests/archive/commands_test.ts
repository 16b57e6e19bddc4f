/** `xs dump`, `xs restore` and `xs diff` as they are called. */
import { encodeStream } from "../support/encode_stream.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Progress } from "../../cmd/progress.ts";
import { Client } from "../../lib/client/client.ts";
import { toByteText } from "../../lib/client/operations.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { xs } from "../support/run_xs.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";

async function done(socket: string, ...args: string[]): Promise<string> {
  const { err, out, status } = await xs(socket, args);
  assertEquals([status, err], [0, ""], args.join(" "));
  return out;
}

interface World extends AsyncDisposable {
  readonly server: EmbeddedServer;
  readonly socket: string;
  readonly client: Client;
  readonly folder: string;
}

async function makeWorld(): Promise<World> {
  const server = await EmbeddedServer.start();
  const scratch: Scratch = await makeScratch();
  const client = await Client.connect({ socket: server.socketPath });
  return {
    server,
    socket: server.socketPath,
    client,
    folder: scratch.path,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

const FORMS = [
  ["--format", "stream"],
  ["--format", "stream", "--endian", "big"],
  ["--format", "stream", "--version", "1"],
  ["--format", "json"],
  ["--json"],
  ["--format", "oxenstored-binary"],
] as const;

Deno.test("dump in each form, restored into the daemon: the store as it was", async () => {
  await using world = await makeWorld();
  const { client, folder, socket } = world;
  await client.write("/a/b", "value");
  await client.write("/a/bytes", new Uint8Array([0, 255, 10]));
  await client.setPerms("/a", [{ domid: 0, access: "b" }]);
  await done(socket, "dump", "-o", `${folder}/first`);
  for (const [i, form] of FORMS.entries()) {
    const file = `${folder}/${i}`;
    // oxenstored's has neither domains nor quotas.
    const isWhole = !form.includes("oxenstored-binary" as never);
    const dumped = await xs(socket, ["dump", ...form, "-o", file]);
    assertMatch(dumped.err, isWhole ? /^$/ : /^xs: oxenstored's binary has no place for: .*\n$/);
    assertEquals([dumped.status, dumped.out], [0, ""]);
    assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
    if (isWhole) await done(socket, "diff", file, "live");
    await client.write("/a/b", "changed");
    await client.rm("/a/bytes");
    const different = await xs(socket, ["diff", file, "live"]);
    assertEquals(different.status, 1);
    assertStringIncludes(different.out, '- /a/b = "value"   (n0)\n+ /a/b = "changed"   (n0)\n');
    const report = await done(socket, "restore", file, "--into", "live");
    assertMatch(report, /: restored into live: \d+ nodes, /);
    assertEquals((await xs(socket, ["diff", `${folder}/first`, "live"])).status, 0);
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assertEquals(names, ["0", "1", "2", "3", "4", "5", "first"], "something was left behind");
});

Deno.test("dump to standard output: bytes to a pipe, not to a terminal", async () => {
  await using world = await makeWorld();
  const { socket } = world;
  const piped = await xs(socket, ["dump"]);
  assertEquals([piped.status, piped.err, piped.out.slice(0, 8)], [0, "", "xenstore"]);
  const refused = await xs(socket, ["dump"], {
    env: { XENSTORED_PATH: socket },
    terminals: ["stdout"],
  });
  assertEquals([refused.status, refused.out], [2, ""]);
  assertStringIncludes(refused.err, "a terminal cannot show bytes");
  const text = await xs(socket, ["dump", "--format", "text"], {
    env: { XENSTORED_PATH: socket },
    terminals: ["stdout"],
  });
  assertStringIncludes(text.out, '/tool/xenstored = ""   (n0)\n');
});

Deno.test("dump --domain, restore --domain", async () => {
  await using world = await makeWorld();
  const { client, folder, server, socket } = world;
  for (const domid of [1, 2]) {
    server.domains.create(domid);
    await client.write(`/local/domain/${domid}/name`, `guest-${domid}`);
    await client.setPerms(`/local/domain/${domid}`, [{ domid, access: "n" }]);
  }
  await done(socket, "dump", "--domain", "1", "-o", `${folder}/one`);
  assertEquals(
    (await done(socket, "dump", "--domain", "1", "--format", "text")).split("\n").filter((line) =>
      !line.startsWith("#")
    ),
    [
      '/local/domain/1 = ""   (n1)',
      '/local/domain/1/name = "guest-1"   (n0)',
      "",
    ],
  );
  await done(socket, "dump", "-o", `${folder}/whole`);
  await done(socket, "dump", `${folder}/whole`, "--domain", "1", "-o", `${folder}/part`);
  await done(socket, "diff", `${folder}/one`, `${folder}/part`);
  const whole = await xs(socket, ["restore", `${folder}/one`, "--into", "live"]);
  assertEquals(whole.status, 1);
  assertStringIncludes(whole.err, "what was dumped with --domain is restored with --domain");
  const report = await done(
    socket,
    "restore",
    `${folder}/one`,
    "--into",
    "live",
    "--domain",
    "1:2",
  );
  assertMatch(report, /restored into live: 1 node, 1 same, 0 watches, 0 transactions\n/);
  assertEquals(await client.readText("/local/domain/2/name"), "guest-1");
  const gone = await xs(socket, ["restore", `${folder}/one`, "--into", "live", "--domain", "1:7"]);
  assertEquals(gone.status, 1);
  assertEquals(gone.err, `xs: restore ${folder}/one: there is no domain 7 on this host\n`);
});

/** Command lines that fail, with their status and what is said, in one line. */
async function failures(folder: string): Promise<readonly (readonly [string[], number, RegExp])[]> {
  const bytes = encodeStream([], { version: 2, endian: "little" });
  const file = async (name: string, content: Uint8Array | string): Promise<string> => {
    const path = `${folder}/${name}`;
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return path;
  };
  const header = '{"kind":"xs-dump","version":1}\n';
  const version3 = bytes.slice();
  version3[11] = 3;
  const live = ["--into", "live"];
  return [
    [["restore", `${folder}/none`, ...live], 1, /none: no such file or directory/],
    [["restore", folder, ...live], 1, /is a directory/],
    [["restore", "/dev/null", ...live], 1, /null: at offset 0: the file is empty/],
    [["restore", await file("empty", ""), ...live], 1, /empty: .*the file is empty/],
    [
      ["restore", await file("text", "hello\n"), ...live],
      1,
      /text: .*no migration stream, but text/,
    ],
    [["restore", await file("cut", bytes.slice(0, 9)), ...live], 1, /cut: .*offset/],
    [["restore", await file("v3", version3), ...live], 1, /v3: .*version 3/],
    [["restore", await file("nothing", bytes), ...live], 1, /nothing: .*it has no nodes/],
    [["restore", await file("j1", "{}\n"), ...live], 1, /j1: /],
    [
      ["restore", await file("j2", `${header}{"kind":"x"}\n`), ...live],
      1,
      /j2: line 2: .*kind 'x'/,
    ],
    [
      ["restore", await file("j3", `${header}{"kind":"node"`), ...live],
      1,
      /j3: line 2: .*cut short/,
    ],
    [
      ["restore", await file("j4", `${header}{"kind":"node","path":"/","value":1}\n`), ...live],
      1,
      /j4: line 2: 'value' is neither/,
    ],
    [
      ["restore", await file("j5", header.replace("1", "9")), "--dry-run"],
      1,
      /j5: line 1: version 9/,
    ],
    [["restore", await file("x@-5q", "") + "@-5q", ...live], 2, /invalid point in time '-5q'/],
    [["restore", `${folder}/text@-5m`, ...live], 1, /only these have a history/],
    [["restore", "live@-5m", ...live], 1, /live@-5m: the daemon keeps no store file/],
    [["dump", "@9999-01-01"], 2, /dump @9999-01-01: '9999-01-01' is in the future/],
    [["diff", "live@noon", "live"], 2, /diff live@noon: invalid point in time 'noon' \(-5m, 14:03/],
    [["dump", `${folder}/text@#12`], 1, /a store file knows no commits/],
    [["dump", `${folder}/text@start`], 1, /only a daemon that runs tells its start/],
    [
      ["dump", "live@-5m", "--socket", `${folder}/none`],
      1,
      /there is no such socket/,
    ],
    [["restore", "live"], 2, /--into is missing/],
    [["restore", "live", "--into", `${folder}/text`], 1, /text: it exists already/],
    [["restore", "live", "--into", `${folder}/new`, "--domain", "1"], 2, /--into live/],
    [["restore", "live", ...live, "--domain", "1:2:3"], 2, /invalid domids/],
    [["restore"], 2, /SOURCE is missing/],
    [
      ["dump", "-o", `${folder}/none/file`],
      1,
      /none\/file: cannot write it: no such file or directory/,
    ],
    [["dump", "-o", folder], 1, /is a directory/],
    [["dump", `${folder}/cut`, "-o", `${folder}/copy`], 1, /cut: .*offset/],
    [["dump", "--format", "xml"], 2, /stream.*json.*text/],
    [["diff", "live", `${folder}/none`], 2, /no such file/],
    [["diff", "live"], 2, /SOURCE is missing/],
    [["diff", "live", "live", "--socket", `${folder}/none`], 2, /there is no such socket/],
  ];
}

Deno.test("what can't be done is said in one line, and changes nothing", async () => {
  await using world = await makeWorld();
  const { client, folder, socket } = world;
  await client.write("/kept", "value");
  await done(socket, "dump", "-o", `${folder}/before`);
  for (const [args, status, complaint] of await failures(folder)) {
    const got = await xs(socket, args);
    assertEquals([got.status, got.out], [status, ""], args.join(" "));
    assertMatch(got.err, /^xs: [^\n]+\n$/, args.join(" "));
    assertMatch(got.err, complaint);
    assertEquals((await xs(socket, ["diff", `${folder}/before`, "live"])).status, 0);
  }
  assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name.includes("part")), false);
});

Deno.test("dumps come from standard input and from pipes, as from files", async () => {
  await using world = await makeWorld();
  const { client, folder, socket } = world;
  await client.write("/a", "1");
  const env = { XENSTORED_PATH: socket };
  for (const format of ["stream", "json"]) {
    const { out } = await xs(socket, ["dump", "--format", format]);
    const stdin = toBytes(out);
    assertEquals(await xs(socket, ["diff", "-", "live"], { env, stdin }), same);
    const restored = await xs(socket, ["restore", "-", "--into", "live"], { env, stdin });
    assertEquals([restored.status, restored.err], [0, ""]);
    const pipe = `${folder}/pipe-${format}`;
    assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    const writing = Deno.writeFile(pipe, stdin);
    assertEquals(await xs(socket, ["diff", pipe, "live"]), same);
    await writing;
  }
  const twice = await xs(socket, ["diff", "-", "-"], { env, stdin: toBytes("") });
  assertEquals(
    [twice.status, twice.err],
    [2, "xs: diff -: standard input can be read only once (see: xs diff --help)\n"],
  );
  const sqlite = toBytes("SQLite format 3\0...");
  const store = await xs(socket, ["restore", "-", "--dry-run"], { env, stdin: sqlite });
  assertEquals(
    [store.status, store.err],
    [1, "xs: restore standard input: a store file cannot be read from a pipe (name the file)\n"],
  );
});

const same = { status: 0, out: "", err: "" };

Deno.test("a domain that is nowhere is an error of dump and diff, from every source", async () => {
  await using world = await makeWorld();
  const { folder, socket } = world;
  await done(socket, "dump", "-o", `${folder}/dump`);
  for (const source of ["live", `${folder}/dump`]) {
    const dump = await xs(socket, ["dump", source, "--domain", "99", "--format", "text"]);
    assertEquals(dump, {
      status: 1,
      out: "",
      err: `xs: dump ${source}: there is no domain 99\n`,
    });
    const diff = await xs(socket, ["diff", source, source, "--domain", "99"]);
    assertEquals([diff.status, diff.err], [2, `xs: diff ${source}: there is no domain 99\n`]);
  }
});

Deno.test("restore with --json, and diff with it", async () => {
  await using world = await makeWorld();
  const { client, folder, socket } = world;
  await done(socket, "dump", "-o", `${folder}/dump`);
  await client.write("/new", "x");
  const report = await done(
    socket,
    "restore",
    `${folder}/dump`,
    "--into",
    "live",
    "--dry-run",
    "--json",
  );
  const { counts: _, ...got } = JSON.parse(report);
  assertEquals(got, {
    from: `${folder}/dump`,
    into: "live",
    dryRun: true,
    nodes: 3,
    specials: 2,
    leftOut: [],
  });
  const { out, status } = await xs(socket, ["diff", `${folder}/dump`, "live", "--json"]);
  assertEquals(status, 1);
  assertEquals(JSON.parse(out)["change"], "added");
  const trouble = await xs(socket, ["restore", `${folder}/none`, "--into", "live", "--json"]);
  assertEquals(JSON.parse(trouble.err)["code"], "FAILED");
});

Deno.test("names of files may be any text", async () => {
  await using scratch = await makeScratch();
  const folder = `${scratch.path}/\u00fcber \u{1f600}`;
  Deno.mkdirSync(folder);
  await using server = await EmbeddedServer.start({ socket: `${folder}/socket` });
  const socket = toByteText(server.socketPath), file = toByteText(`${folder}/\u00e9`);
  await done(socket, "dump", "--socket", socket, "-o", file);
  assert(Deno.statSync(`${folder}/\u00e9`).size > 0);
  const refused = await xs(socket, [
    "restore",
    file,
    "--socket",
    socket,
    "--into",
    "live",
    "--domain",
    "5",
  ]);
  assertEquals(refused.err, `xs: restore ${file}: there is nothing of domain 5 in it\n`);
  await done(socket, "restore", file, "--socket", socket, "--into", "live");
  await done(socket, "diff", file, "live", "--socket", socket);
});

Deno.test("diff colours a terminal unless NO_COLOR says otherwise", async () => {
  await using world = await makeWorld();
  const { client, folder, socket } = world;
  await done(socket, "dump", "-o", `${folder}/dump`);
  await client.write("/new", "x");
  const args = ["diff", `${folder}/dump`, "live"];
  const env = { XENSTORED_PATH: socket };
  const plain = '+ /new = "x"   (n0)\n', coloured = `\x1b[32m${plain.trimEnd()}\x1b[0m\n`;
  assertEquals((await xs(socket, args)).out, plain);
  assertEquals((await xs(socket, args, { env, terminals: ["stdout"] })).out, coloured);
  const noColour = { env: { ...env, NO_COLOR: "1" }, terminals: ["stdout"] as const };
  assertEquals((await xs(socket, args, noColour)).out, plain);
});

Deno.test("progress is shown on a terminal, and after a second only", () => {
  let text = "";
  const clock = new SimulatedClock();
  const output = { write: (more: string): void => void (text += more) };
  const progress = new Progress(output, true, clock);
  progress.update("dumping", 1, 10);
  assertEquals(text, "");
  clock.advance(1_001);
  progress.update("dumping", 5, 10);
  progress.update("dumping", 6, 10);
  assertEquals(text, "\r\x1b[Kdumping: 50 %");
  progress.clear();
  progress.clear();
  assertEquals(text, "\r\x1b[Kdumping: 50 %\r\x1b[K");
  text = "";
  const hidden = new Progress(output, false, clock);
  clock.advance(9_999);
  hidden.update("dumping", 1, 10);
  assertEquals(text, "");
});

Deno.test("a store restored into a file is served, and its history can be looked at", async () => {
  await using scratch = await makeScratch();
  const folder = scratch.path, store = `${folder}/store`;
  await using first = await startDaemon();
  const client = await Client.connect({ socket: first.socketPath });
  await client.write("/a/b", "one");
  await done(first.socketPath, "dump", "-o", `${folder}/dump`);
  await client.write("/a/b", "two");
  await client[Symbol.asyncDispose]();
  const before = await xs(first.socketPath, ["diff", "live@turn:1", "live"]);
  assertEquals(before.out, '- /a/b = "one"   (n0)\n+ /a/b = "two"   (n0)\n');
  assertMatch(
    await done("unused", "restore", `${folder}/dump`, "--into", store),
    /: 5 nodes, 2 specials, 1 domain, 0 watches, 0 transactions\n$/,
  );
  assertEquals(await done("unused", "diff", `${folder}/dump`, store), "");
  await using second = await startDaemon({ args: ["--store", store] });
  assertEquals((await xs(second.socketPath, ["diff", `${folder}/dump`, "live"])).status, 0);
  await done(second.socketPath, "write", "/a/b", "three");
  await done(second.socketPath, "write", "/a/c", "four");
  // The file of a daemon that runs, as it is now and as it was.
  assertEquals(await done(second.socketPath, "diff", store, "live"), "");
  const { out } = await xs(second.socketPath, ["diff", `${store}@turn:1`, "live"]);
  assertEquals(out, '+ /a/c = "four"   (n0)\n');
  const early = await xs(second.socketPath, ["dump", `${store}@2001-01-01T00:00:00Z`]);
  assertEquals(early.status, 1);
  assertMatch(early.err, /the history begins at \S+ \(#1\)/);
  const late = await xs(second.socketPath, ["dump", `${store}@turn:77`]);
  assertMatch(late.err, /its last turn is 2/);
  // And of one that died.
  const dead = await done(second.socketPath, "dump", "--format", "text");
  Deno.kill(second.pid, "SIGKILL");
  await second.status;
  const nodes = (text: string): string[] => text.split("\n").filter((line) => line[0] === "/");
  assertEquals(nodes(await done("unused", "dump", store, "--format", "text")), nodes(dead));
  assert(nodes(dead).includes('/a/c = "four"   (n0)'));
});
