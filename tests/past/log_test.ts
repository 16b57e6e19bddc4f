/** `xs log`: what it finds, and how it shows it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { logCommand } from "../../cmd/commands/log.ts";
import { Client } from "../../lib/client/client.ts";
import { KINDS } from "../../lib/history/record.ts";
import { commandPage, type Parameters } from "../../cmd/help/command_page.ts";
import { type FakeShell, fakeShell } from "../support/fake_shell.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { lines, makeWorld, normal, xs } from "./support.ts";

const BEGIN = "-- the history begins at TIME, after #0, and is complete";
const START = "#1 TIME the daemon: start with an empty store; 5 paths";
const LINES = [
  '#2 TIME PROCESS: write /a/b = "1" (n0), with 1 node above',
  '#3 TIME PROCESS: write /a/b "1" -> "2\\u001b[31m"',
  "#4 TIME PROCESS: write /local/domain/3/data/set_clipboard = <6 bytes hidden> (n0), with 4 nodes above",
  "#5 TIME PROCESS: rm /a removed, with 1 node below",
  "#6 TIME PROCESS: transaction of 3 requests, 2 paths",
  '    /x = "1" (n0)',
  '    /y = "1" (n0)',
  "#7 TIME PROCESS: set-perms /x (n0) -> (r0)",
  '#8 TIME PROCESS: write /x "1" -> "77"',
  "#9 TIME PROCESS: aborted a transaction of 3 requests: value of /x",
];

Deno.test("log: all, the newest last, and since when it is complete", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  assertEquals(await lines(socketPath, "log"), [BEGIN, START, ...LINES]);
  const oneline = LINES.filter((line) => line.startsWith("#"));
  assertEquals(await lines(socketPath, "log", "--oneline"), [START, ...oneline]);
  assertEquals(await lines(socketPath, "log", "--oneline", "--reverse"), [
    ...oneline.toReversed(),
    START,
  ]);
  const reversed = await lines(socketPath, "log", "--reverse");
  assertEquals([reversed[0], reversed.at(-1)], [LINES.at(-1), BEGIN]);
});

Deno.test("log: what each condition finds", async () => {
  await using world = await makeWorld();
  const { history, socketPath } = world.server;
  const cases: [string[], number[]][] = [
    [["/a"], [2, 3, 5]],
    [["/a/b", "/y"], [2, 3, 5, 6]],
    [["a"], []],
    [["/local/domain/*/data"], [4]],
    [["/**/set_clipboard"], [4]],
    [["/?"], [2, 3, 5, 6, 7, 8, 9]],
    [["--op", "write"], [2, 3, 4, 8]],
    [["--op", "transaction", "/x"], [6]],
    [["--op=start"], [1]],
    [["-S", "77"], [8]],
    [["-S", "secret"], []],
    [["-S", "2", "/a"], [3, 5]],
    [["--aborted"], [9]],
    [["--domain", "0"], [2, 3, 4, 5, 6, 7, 8, 9]],
    [["--domain", "web"], []],
    [["--process", `${Deno.pid}`], [2, 3, 4, 5, 6, 7, 8, 9]],
    [["--process", "deno"], [2, 3, 4, 5, 6, 7, 8, 9]],
    [["--process", "xl"], []],
    [["-n", "2"], [8, 9]],
    [["-n2", "/a"], [3, 5]],
    [["-n", "0"], []],
    [["--since", "5", "--until", "7"], [5, 6, 7]],
    [["--since", "#8~1"], [7, 8, 9]],
    [["--since", "start"], [2, 3, 4, 5, 6, 7, 8, 9]],
    [["--since", "2020-01-01"], [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [["--since", "@-0"], []],
  ];
  for (const [args, expected] of cases) {
    const found = await lines(socketPath, "log", "--oneline", ...args);
    const numbers = found.map((line) => Number(/^#(\d+)/.exec(line)?.[1]));
    assertEquals(numbers, expected, args.join(" "));
  }
  const third = history.latest.find(({ number }) => number === 3)!;
  const micros = `${third.at % 1_000}`.padStart(3, "0");
  const until = new Date(Math.floor(third.at / 1_000)).toISOString().replace("Z", `${micros}Z`);
  const found = await lines(socketPath, "log", "--oneline", "--until", until);
  // Several may be of one moment.
  assertEquals(found.length, history.latest.filter(({ at }) => at <= third.at).length);
});

Deno.test("log: a commit of many paths shows those that are asked for, and how many there are", async () => {
  await using server = await startRecorded();
  {
    await using client = await Client.connect({ socket: server.socketPath });
    await client.transaction(async (inside) => {
      for (let i = 0; i < 15; i++) await inside.write(`/many/${i}`, `${i}`);
    });
  }
  const all = await lines(server.socketPath, "log", "-n1");
  assertEquals(all[0], "#2 TIME PROCESS: transaction of 16 requests, 16 paths");
  assertEquals([all.length, all.at(-1)], [12, "    and 6 more (xs show 2)"]);
  assertEquals(await lines(server.socketPath, "log", "-n1", "/many/7"), [
    '#2 TIME PROCESS: transaction of 16 requests, /many/7 = "7" (n0) and 15 paths more',
  ]);
});

Deno.test("log --json: one object a line, as docs/history.md has it", async () => {
  await using world = await makeWorld();
  const out = (await xs(world.server.socketPath, ["log", "--json"])).out;
  const [head, ...records] = out.trim().split("\n").map((line) => JSON.parse(line));
  const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
  assertMatch(head.begins.at, TIME);
  const { at } = head.begins;
  assertEquals(head, {
    type: "history",
    begins: { number: 0, at },
    complete: { number: 0, at },
    last: 9,
  });
  const author = {
    kind: "process",
    domid: 0,
    pid: Deno.pid,
    startTime: records[1].author.startTime,
    uid: Deno.uid(),
    command: records[1].author.command,
  };
  for (const record of records) assertMatch(record.at, TIME);
  const fixed = { type: "commit", author, operations: 1, detail: "", moved: 0, keyframe: false };
  assertEquals(records[2], {
    ...fixed,
    number: 3,
    at: records[2].at,
    kind: "write",
    changes: [{
      path: "/a/b",
      old: { value: "1", perms: ["n0"] },
      new: { value: "2\x1b[31m", perms: ["n0"] },
    }],
  });
  assertEquals(records[3].changes.at(-1), {
    path: "/local/domain/3/data/set_clipboard",
    old: null,
    new: { hidden: 6, perms: ["n0"] },
  });
  assertEquals(records[4].changes.map((change: { new: unknown }) => change.new), [null, null]);
  const { by, ...abort } = records[8];
  assertMatch(by, /^socket \d+/);
  assertEquals(abort, {
    type: "abort",
    number: 9,
    at: abort.at,
    author,
    operations: 3,
    path: "/x",
    facet: "value",
    seen: "1 byte",
    there: "2 bytes",
  });
});

Deno.test("log: through a pager on a terminal, from the end, and until the user has enough", async () => {
  await using world = await makeWorld();
  const env = { XENSTORED_PATH: world.server.socketPath };
  const page = async (
    args: string[],
    more: Record<string, string>,
    pagerBytes?: number,
  ): Promise<FakeShell> => {
    const shell = fakeShell(["log", ...args], {
      env: { ...env, ...more },
      terminals: ["stdout"],
      exists: (path) => path === "/usr/bin/less",
      ...(pagerBytes === undefined ? {} : { pagerBytes }),
    });
    assertEquals(await runApp(shell), 0);
    return shell;
  };
  const less = await page([], { PATH: "/bin:/usr/bin", NO_COLOR: "1" });
  assertEquals(less.paged.map(({ command, env }) => [command, env]), [["less +G", {
    LESS: "FRX",
  }]]);
  assertEquals(normal(less.paged[0]!.text), [BEGIN, START, ...LINES]);
  assertEquals(less.printed, { out: "", err: "" });
  const reversed = await page(["--reverse"], { PATH: "/usr/bin", LESS: "R", NO_COLOR: "1" });
  assertEquals(reversed.paged.map(({ command, env }) => [command, env]), [["less", { LESS: "R" }]]);
  const coloured = await page(["-n1"], { PAGER: "most -w" });
  assertEquals(coloured.paged[0]!.command, "most -w");
  assert(coloured.paged[0]!.text.startsWith("\x1b[33m#9\x1b[0m "));
  for (const none of [{ PAGER: "cat" }, { PAGER: "more", XS_PAGER: "" }, { PATH: "/none" }]) {
    const shell = await page(["-n1"], { ...none, NO_COLOR: "1" });
    assertEquals([shell.paged.length, normal(shell.printed.out)], [0, LINES.slice(-1)]);
  }
  const empty = await page(["/nothing", "--oneline"], { PATH: "/usr/bin" });
  assertEquals([empty.paged.length, empty.printed.out], [0, ""]);
});

Deno.test("log: of a long history no more is read than a pager's user wants to see", async () => {
  await using server = await startRecorded();
  const { history, socketPath } = server;
  {
    await using client = await Client.connect({ socket: socketPath });
    const value = "x".repeat(1_000);
    for (let i = 0; i < 4_000; i++) await client.write(`/long/${i}`, value);
  }
  const shell = fakeShell(["log", "--json"], {
    env: { XENSTORED_PATH: socketPath, PAGER: "less" },
    terminals: ["stdout"],
    pagerBytes: 1,
  });
  let read = 0;
  const { blocks } = history, original = blocks.read.bind(blocks);
  blocks.read = (head) => {
    read++;
    return original(head);
  };
  assertEquals(await runApp(shell), 0);
  assert(history.closed.length > 6, `${history.closed.length} blocks`);
  assert(read < history.closed.length / 2, `${read} of ${history.closed.length} blocks were read`);
});

Deno.test("log -f: what there is, then what comes, each once, until the daemon ends", async () => {
  const world = await makeWorld();
  const { socketPath } = world.server;
  const shell = fakeShell(["log", "-f", "--oneline", "/followed", "/x"], {
    env: { XENSTORED_PATH: socketPath },
  });
  const running = runApp(shell);
  const until = async (count: number): Promise<string[]> => {
    for (;;) {
      const found = normal(shell.printed.out);
      if (found.length >= count) return found.map((line) => line.split(" ")[0]!);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    assertEquals(await until(4), ["#6", "#7", "#8", "#9"]);
    await using client = await Client.connect({ socket: socketPath });
    for (let i = 0; i < 3; i++) {
      await client.write("/followed", `${i}`);
      await client.write("/other", `${i}`);
      await until(5 + i);
    }
    await client.write("/followed", "last");
    assertEquals((await until(8)).slice(4), ["#10", "#12", "#14", "#16"]);
  } finally {
    await world[Symbol.asyncDispose]();
  }
  assertEquals(await running, 1);
  assertMatch(shell.printed.err, /^xs: log[^\n]*: the daemon closed the connection[^\n]*\n$/);
});

Deno.test("log: each kind of commit can be asked for", () => {
  const page = commandPage(logCommand.docs, logCommand.parameters as Parameters);
  assertMatch(page, /--op KIND/);
  const flags = logCommand.parameters.flags as Record<string, unknown>;
  const { parse } = flags["op"] as { parse: (text: string) => string };
  for (const kind of KINDS) {
    if (kind !== "pruned") assertEquals(parse(kind), kind);
  }
});
