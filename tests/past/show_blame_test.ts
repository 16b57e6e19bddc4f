/** `xs show` and `xs blame`. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { failure, lines, makeWorld, xs } from "./support.ts";

Deno.test("show: a whole commit, old and new", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  assertEquals(await lines(socketPath, "show", "3"), [
    '#3 TIME PROCESS: write /a/b "1" -> "2\\u001b[31m"',
    '- /a/b = "1" (n0)',
    '+ /a/b = "2\\u001b[31m" (n0)',
  ]);
  assertEquals(await lines(socketPath, "show", "#7~2"), [
    "#5 TIME PROCESS: rm /a removed, with 1 node below",
    '- /a = "" (n0)',
    '- /a/b = "2\\u001b[31m" (n0)',
  ]);
  assertEquals(
    (await lines(socketPath, "show", "4")).at(-1),
    [
      "+ /local/domain/3/data/set_clipboard = <6 bytes hidden> (n0)",
    ][0],
  );
  const json = JSON.parse((await xs(socketPath, ["show", "--json", "7"])).out);
  assertEquals([json.role, json.number, json.kind, json.changes], ["asked", 7, "set-perms", [{
    path: "/x",
    old: { value: "1", perms: ["n0"] },
    new: { value: "1", perms: ["r0"] },
  }]]);
});

Deno.test("show: an aborted transaction is explained, with the commit that caused it", async () => {
  await using world = await makeWorld();
  const found = await lines(world.server.socketPath, "show", "9");
  assertMatch(found[3]!, /^ {2}changed meanwhile by socket \d+/);
  assertEquals(found.toSpliced(3, 1), [
    "#9 TIME PROCESS: aborted a transaction of 3 requests: value of /x",
    "  the transaction saw: value of /x: 1 byte",
    "  at its end there was: 2 bytes",
    "  so nothing of it was done, and its client was answered EAGAIN (to try it again)",
    "It gave way to:",
    '#8 TIME PROCESS: write /x "1" -> "77"',
    '- /x = "1" (r0)',
    '+ /x = "77" (r0)',
  ]);
  const json = (await xs(world.server.socketPath, ["show", "--json", "9"])).out.trim().split("\n");
  assertEquals(json.map((line) => JSON.parse(line)).map(({ number, role }) => [role, number]), [
    ["asked", 9],
    ["cause", 8],
  ]);
});

Deno.test("show: in a diff's colours on a terminal", async () => {
  await using world = await makeWorld();
  const env = { XENSTORED_PATH: world.server.socketPath, PAGER: "less" };
  const shell = fakeShell(["show", "8"], { env, terminals: ["stdout"] });
  assertEquals(await runApp(shell), 0);
  const [head, old, now] = shell.paged[0]!.text.split("\n");
  assert(head!.startsWith("\x1b[33m#8\x1b[0m "), head);
  assertEquals([old, now], [
    '\x1b[31m- /x = "1" (r0)\x1b[0m',
    '\x1b[32m+ /x = "77" (r0)\x1b[0m',
  ]);
});

Deno.test("show: what is counted in a later commit, and what is left of nothing", async () => {
  await using server = await startRecorded();
  {
    await using client = await Client.connect({ socket: server.socketPath });
    await client.write("/quiet", "1");
    for (let i = 0; i < 700; i++) await client.write("/busy", `${i}`);
  }
  const found = await lines(server.socketPath, "show", "300");
  assertEquals(found.length, 2);
  assertEquals(found[0], "#300 is counted in:");
  assertMatch(found[1]!, /^#702 TIME PROCESS: write \/busy "253" -> "699" \(446 changes\)$/);
  assertEquals((await lines(server.socketPath, "show", "2")).length, 2);
});

Deno.test("blame: who wrote what is there, when, and how long ago", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  assertEquals(await lines(socketPath, "blame", "/x"), [
    '#8 TIME (AGE) PROCESS: /x = "77" (r0)',
  ]);
  assertEquals(await lines(socketPath, "blame", "-r", "/local"), [
    '#4 TIME (AGE) PROCESS: /local = "" (n0)',
    '#4 TIME (AGE) PROCESS: /local/domain = "" (n0)',
    '#4 TIME (AGE) PROCESS: /local/domain/3 = "" (n0)',
    '#4 TIME (AGE) PROCESS: /local/domain/3/data = "" (n0)',
    "#4 TIME (AGE) PROCESS: /local/domain/3/data/set_clipboard = <6 bytes hidden> (n0)",
  ]);
  assertEquals(await lines(socketPath, "blame", "/x", "--at", "6"), [
    '#6 TIME (AGE) PROCESS: /x = "1" (n0)',
  ]);
  assertEquals(await lines(socketPath, "blame", "-r", "/", "--deleted"), [
    "#5 TIME (AGE) PROCESS: /a removed",
    "#5 TIME (AGE) PROCESS: /a/b removed",
  ]);
  assertEquals(await lines(socketPath, "blame", "/tool"), [
    '#1 TIME (AGE) the daemon: /tool = "" (n0)',
  ]);
  assertEquals(await failure(socketPath, "blame", "/a"), [
    1,
    "xs: blame /a: no such node (ENOENT)\n",
  ]);
  assertEquals(await failure(socketPath, "blame", "--deleted", "/x"), [
    1,
    "xs: blame /x: it was not removed since the history begins (#0)\n",
  ]);
  const json = JSON.parse((await xs(socketPath, ["blame", "--json", "/x"])).out);
  const { ageMs, at, author } = json.commit;
  assertEquals([typeof ageMs, typeof at, author.pid], ["number", "string", Deno.pid]);
  assertEquals(json, {
    path: "/x",
    node: { value: "77", perms: ["r0"] },
    commit: { number: 8, at, ageMs, author, kind: "write" },
    between: null,
  });
});

Deno.test("blame: what is not known of a moment is said, and is no missing node", async () => {
  await using server = await startRecorded();
  const { history, socketPath } = server;
  await using client = await Client.connect({ socket: socketPath });
  await client.write("/a/b", "1");
  assert(history.beginKeyframe(Date.now() * 1_000, []));
  while (history.stepKeyframe());
  await client.write("/c", "1");
  // The daemon writes another keyframe, after this one.
  await client.write("/d", "1");
  const from = history.last - 2, at = ["--at", `#${from + 1}`];
  const lost = history.keyframes.heads.at(-1)!;
  history.commit(() => history.keyframes.lose(lost, lost.number, lost.at));
  const unknown = (to: string): RegExp =>
    new RegExp(`known only to have changed between #${from} and (now|#\\d+)${to}`);
  assertMatch((await xs(socketPath, ["blame", "/a/b", ...at])).out, unknown(': /a/b = "1"'));
  const none = await xs(socketPath, ["blame", "/never", ...at]);
  assertEquals([none.status, none.out], [1, ""]);
  assertMatch(none.err, unknown("\n$"));
  const all = await xs(socketPath, ["blame", "-r", "/", ...at]);
  assertMatch(all.err, unknown("\n$"));
  assertEquals(all.status, 0);
  assertStringIncludes(all.out, '/a/b = "1"');
});
