/** What cannot be answered: one clear line each, and exit status 2 for what is typed wrong, 1 for what is not there. */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { startDaemon } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { until } from "../support/patience.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { runApp } from "../../cmd/app.ts";
import { failure, lines, makeWorld, startPruned, xs } from "./support.ts";

/** A point for each command that takes one. */
function withPoint(point: string): string[][] {
  return [
    ["log", "--since", point],
    ["log", "--until", point],
    ["blame", "--at", point, "/x"],
    ["read", "--at", point, "/x"],
    ["ls", "--at", point],
    ["list", "--at", point, "/"],
    ["exists", "--at", point, "/x"],
    ["perms", "--at", point, "/x"],
    ["dump", "--at", point],
    ["diff", "--at", point],
  ];
}

Deno.test("a time in the future, and what is no point: status 2, naming the option", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const future = new Date(Date.now() + 3_600_000).toISOString();
  const cases: [string, string][] = [
    [future, `'${future}' is in the future`],
    ["2999-01-01", "'2999-01-01' is in the future"],
    ["25:00", "invalid point in time '25:00'"],
    ["#x", "invalid point in time '#x'"],
    ["12~", "invalid point in time '12~'"],
    ["now", "invalid point in time 'now'"],
    ["2026-02-30", "invalid point in time '2026-02-30'"],
  ];
  for (const [point, text] of cases) {
    for (const args of withPoint(point)) {
      const [status, err] = await failure(socketPath, ...args);
      const option = args.find((word) => /^--(at|since|until)$/.test(word));
      assertEquals(status, 2, `${args.join(" ")}: ${err}`);
      assert(err.startsWith(`xs: ${args[0]} ${option}: ${text} (`), `${args.join(" ")}: ${err}`);
      assertEquals(err.split("\n").length, 2);
    }
  }
});

Deno.test("commits that were pruned, or are not there yet: status 1, saying where the history is", async () => {
  await using server = await startPruned();
  const { history, socketPath } = server, first = history.horizon!.number, { last } = history;
  assert(first > 100, `the history begins at #${first}`);
  const back = `${first + 5}~7`;
  const cases: [string, string][] = [
    [`${last + 5}`, `there is no #${last + 5} yet: the last is #${last}\n`],
    ["7", `#7 was pruned: the history begins after #${first}\n`],
    [back, `#${back} is before the history begins (#${first})\n`],
  ];
  for (const [point, text] of cases) {
    const commands = [...withPoint(point), ["show", point], ["revert", point]];
    for (const args of commands) {
      // What is left since then is shown.
      if (args[1] === "--since" && text !== cases[0]![1]) continue;
      const [status, err] = await failure(socketPath, ...args);
      // 1 says that something differs, or that there was no node.
      const trouble = ["diff", "exists"].includes(args[0]!) ? [1, 2] : [1];
      assert(trouble.includes(status), `${args.join(" ")}: ${status}`);
      assert(err.endsWith(text), `${args.join(" ")}: ${err}`);
      assertMatch(err, /^xs: [^\n]+\n$/);
    }
  }
  assertEquals((await xs(socketPath, ["diff", "--at", `${last + 5}`])).status, 2);
  const since = await lines(socketPath, "log", "--since", "7", "--oneline");
  assert(since.length > 0 && since.length <= last - first, `${since.length} lines`);
  assertMatch(
    (await lines(socketPath, "log"))[0]!,
    new RegExp(`^-- the history begins at TIME, after #${first}`),
  );
});

Deno.test("what is typed wrong: status 2", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const cases: [string[], RegExp][] = [
    [["show", "x"], /^xs: show x: invalid commit \(a number, /],
    [["show", "12~"], /^xs: show 12~: invalid commit/],
    [["revert", "-5"], /^xs: revert -5: /],
    [["revert", "start"], /^xs: revert start: invalid commit/],
    [["blame", "/a//b"], /^xs: blame \/a\/\/b: invalid path \(/],
    [["blame", "/a/*"], /^xs: blame \/a\/\*: invalid path \(/],
    [["log", "/a b"], /^xs: log \/a b: invalid path \(/],
    [["log", "--op", "write-all"], /^xs: log --op write-all: invalid kind of a commit \(one of /],
    [
      ["log", "-f", "--reverse"],
      /^xs: log --reverse: it contradicts --follow \(leave one of them out\)\n$/,
    ],
    [["log", "-f", "--until", "5"], /^xs: log --until: it contradicts --follow/],
    [["log", "--json", "--oneline"], /^xs: log --oneline: it contradicts --json/],
    [["diff", "--at", "5", "#6", "#7"], /^xs: diff --at: it needs one source at most/],
    [["diff"], /^xs: diff: SOURCE is missing/],
    [["read", "--at", "5", "/a//b"], /^xs: read \/a\/\/b: invalid path/],
  ];
  for (const [args, text] of cases) {
    const shell = fakeShell(args, { env: { XENSTORED_PATH: socketPath } });
    assertEquals(await runApp(shell), 2, args.join(" "));
    assertEquals(shell.printed.out, "");
    // Errors are JSON where that is asked for.
    const { err } = shell.printed;
    const line = args.includes("--json") ? `xs: ${JSON.parse(err).message}\n` : err;
    assertMatch(line, text);
  }
});

Deno.test("a daemon without a history, and no daemon at all: one line", async () => {
  const commands = [
    ["log"],
    ["log", "-f"],
    ["show", "1"],
    ["blame", "/x"],
    ["revert", "1"],
    ["read", "--at", "1", "/x"],
    ["ls", "--at", "1"],
  ];
  await using server = await EmbeddedServer.start();
  for (const args of commands) {
    assertEquals(await failure(server.socketPath, ...args), [
      1,
      `xs: ${args[0]}: the daemon keeps no history (--history off)\n`,
    ]);
    const [status, err] = await failure("/nowhere/socket", ...args);
    assertEquals(status, 1);
    assertMatch(err, /^xs: \w+: cannot connect to \/nowhere\/socket: [^\n]+\n$/);
  }
});

Deno.test("the history of a store that has none, of another program, of a newer xs, or damaged: one line", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, path = `${store}.history`;
  const refused = async (text: RegExp): Promise<void> => {
    for (const args of [["log"], ["show", "1"], ["blame", "/x"], ["read", "--at", "1", "/x"]]) {
      const [status, err] = await failure("/nowhere/socket", ...args, "--store", store);
      assertEquals(status, 1, args.join(" "));
      assertMatch(err, new RegExp(`^xs: ${args[0]}[^\\n]*: ${text.source}\\n$`));
      assert(!err.includes("/xs-copy-"), err);
    }
  };
  await refused(/there is no history/);
  Deno.writeTextFileSync(path, "something else, which is long enough to be looked at".repeat(20));
  await refused(/the history \S+ is damaged: file is not a database/);
  Deno.removeSync(path);
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE t (a)");
  other.close();
  await refused(/\S+ is not a history of xs: name another place, or delete it/);
  Deno.removeSync(path);
  {
    await using server = await startRecorded({ store });
    await using client = await Client.connect({ socket: server.socketPath });
    await client.write("/x", "1");
  }
  assertEquals((await xs("/nowhere/socket", ["log", "--store", store])).status, 0);
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  await refused(/\S+ has layout 99, made by a newer xs: this one reads up to \d+/);
  const [status, err] = await failure("/nowhere/socket", "log", "-f", "--store", store);
  assertEquals([status, err.includes("layout 99") || err.includes("no daemon to follow")], [
    1,
    true,
  ]);
});

/** Changes a byte of the second block; returns its first and last number. */
function damageBlock(path: string): { begin: number; last: number } {
  const database = new DatabaseSync(path);
  const row = database.prepare("SELECT block, begin, last, records FROM blocks ORDER BY block")
    .all()[1]!;
  const bytes = row["records"] as Uint8Array<ArrayBuffer>;
  bytes[bytes.length >> 1]! ^= 1;
  database.prepare("UPDATE blocks SET records = ? WHERE block = ?").run(bytes, row["block"]!);
  database.close();
  return { begin: Number(row["begin"]), last: Number(row["last"]) };
}

Deno.test("a damaged block is named, the rest is shown, and the status says that something is missing", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, path = `${store}.history`;
  {
    await using server = await startRecorded({ store });
    await using client = await Client.connect({ socket: server.socketPath });
    for (let i = 0; i < 1_300; i++) await client.write(`/n/${i}`, `${i}`);
    assert(server.history.closed.length >= 2);
  }
  const { begin, last } = damageBlock(path);
  const log = await xs("/nowhere/socket", ["log", "--store", store, "--oneline"]);
  assertEquals([log.status, log.err], [1, ""]);
  const numbers = log.out.trim().split("\n").map((line) =>
    Number(/^#(\d+)/.exec(line)?.[1] ?? NaN)
  );
  const said = log.out.split("\n").filter((line) => line.startsWith("--"));
  assertEquals(said, [
    `-- records #${begin} to #${last} are damaged: they are not what was written`,
  ]);
  const expected = Array.from({ length: 1_301 }, (_, i) => i + 1);
  assertEquals(
    numbers.filter((number) => !Number.isNaN(number)),
    expected.filter((number) => number < begin || number > last),
  );
  const [status, err] = await failure("/nowhere/socket", "show", `${begin + 5}`, "--store", store);
  assertEquals([status, err], [
    1,
    `xs: show: records #${begin} to #${last} are damaged: they are not what was written\n`,
  ]);
  const before = await xs("/nowhere/socket", [
    "list",
    "/n",
    "--at",
    `${begin - 1}`,
    "--store",
    store,
  ]);
  assertEquals(before.out.trim().split("\n").length, begin - 2);
  const json = await xs("/nowhere/socket", ["log", "--store", store, "--json"]);
  const damage = json.out.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ type }) => type === "damage");
  assertEquals(damage, [{
    type: "damage",
    first: begin,
    last,
    text: `records #${begin} to #${last} are damaged: they are not what was written`,
  }]);
});

Deno.test("a daemon with a damaged block serves, names it, and records", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, args = ["--store", store, "--xen", "no"];
  {
    await using daemon = await startDaemon({ args });
    await using client = await Client.connect({ socket: daemon.socketPath });
    for (let i = 0; i < 1_300; i++) await client.write(`/n/${i}`, `${i}`);
  }
  const { begin, last } = damageBlock(`${store}.history`);
  await using daemon = await startDaemon({ args });
  const socket = daemon.socketPath;
  await using client = await Client.connect({ socket });
  await client.write("/after", "1");
  const damage = `records #${begin} to #${last} are damaged: they are not what was written`;
  const log = await xs(socket, ["log", "--oneline"]);
  assertEquals([log.status, log.err], [1, ""]);
  const told = log.out.trim().split("\n");
  assertEquals(told.filter((line) => line.startsWith("--")), [`-- ${damage}`]);
  assertEquals(told.length, 1_303 - (last - begin + 1) + 1);
  assertEquals(await failure(socket, "show", `${begin + 5}`), [1, `xs: show: ${damage}\n`]);
  assertEquals((await xs(socket, ["log", "--oneline", "/after"])).out.split("\n").length, 2);
  // The damaged one may have changed it.
  const [status, err] = await failure(socket, "read", "--at", `${last + 5}`, "/n/1");
  assertEquals(status, 1, err);
  assertEquals((await xs(socket, ["read", "--at", `${begin - 1}`, "/n/1"])).out, "1\n");
});

/** Something that is done to a history's file, and undone. */
interface Spoiled {
  readonly says: string;
  spoil(path: string): Promise<AsyncDisposable> | AsyncDisposable;
}

const SPOILED: readonly Spoiled[] = [
  { says: "the history FILE is in use by another daemon: stop that one first", spoil: lockHistory },
  {
    says: "FILE has layout 99, made by a newer xs: this one reads up to 1",
    spoil: (path) => setLayout(path, 99),
  },
  {
    says: "FILE is not a history of xs: name another place, or delete it",
    spoil: (path) => moveAside(path),
  },
];

function setLayout(path: string, version: number): AsyncDisposable {
  const set = (to: number): void => {
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA user_version = ${to}`);
    database.close();
  };
  set(version);
  return { [Symbol.asyncDispose]: () => Promise.resolve(set(1)) };
}

/** Another program's file has its place. */
function moveAside(path: string): AsyncDisposable {
  Deno.renameSync(path, `${path}-aside`);
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE t (a)");
  other.close();
  return { [Symbol.asyncDispose]: () => Deno.rename(`${path}-aside`, path) };
}

for (const { says, spoil } of SPOILED) {
  Deno.test(`the store is served without its history, and then with it: ${says}`, async () => {
    await using scratch = await makeScratch();
    const store = `${scratch.path}/store`, args = ["--store", store, "--xen", "no"];
    const path = `${store}.history`;
    {
      await using daemon = await startDaemon({ args });
      await using client = await Client.connect({ socket: daemon.socketPath });
      await client.write("/a", "1");
    }
    const spoiled = await spoil(path);
    await using daemon = await startDaemon({ args });
    const socket = daemon.socketPath;
    await using client = await Client.connect({ socket });
    await client.write("/a", "2");
    const said = `xs: error: changes are not recorded: ${says.replace("FILE", path)}\n`;
    assertEquals(daemon.output().split(said).length, 2, daemon.output());
    assertEquals(await failure(socket, "log"), [
      1,
      "xs: log: the history cannot be used now (the daemon's log says why)\n",
    ]);
    await spoiled[Symbol.asyncDispose]();
    await until("the history", async () => (await xs(socket, ["log"])).status === 0);
    await client.write("/a", "3");
    const told = await lines(socket, "log", "--oneline");
    assertEquals(told.map((line) => line.replace(/^#\d+ TIME /, "")), [
      "the daemon: start with an empty store; 5 paths",
      'PROCESS: write /a = "1" (n0)',
      "gap: 2 records missing, from #3 on",
      'PROCESS: write /a "2" -> "3"',
    ]);
    // The numbers of those that are missing are not given again.
    const [, second, gap, third] = told.map((line) => Number(/^#(\d+)/.exec(line)![1]));
    assert(gap! > second! + 2 && third === gap! + 1, told.join("\n"));
    assertEquals((await xs(socket, ["read", "--at", `${gap}`, "/a"])).out, "2\n");
  });
}

Deno.test("a history that a daemon has is not read behind its back", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, path = `${store}.history`;
  {
    await using server = await startRecorded({ store });
    await using client = await Client.connect({ socket: server.socketPath });
    await client.write("/x", "1");
  }
  const lock = await lockHistory(path);
  assertEquals(await failure("/nowhere/socket", "log", "--store", store), [
    1,
    `xs: log ${path}: a daemon has it: ask that one (name its socket in XENSTORED_PATH)\n`,
  ]);
  await lock[Symbol.asyncDispose]();
  assertEquals((await xs("/nowhere/socket", ["log", "--store", store])).status, 0);
});

/** Another process has a history as a daemon has it: locks are a process's. */
async function lockHistory(path: string): Promise<AsyncDisposable> {
  const script = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(${JSON.stringify(path)});
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    database.exec("PRAGMA user_version = 1");
    console.log("locked");
    for await (const _ of Deno.stdin.readable);
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}
