/** Reading commands with --at, and differences between points. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { failure, lines, makeWorld, xs } from "./support.ts";

Deno.test("--at: read, ls, list, exists and perms see a moment as the live commands see now", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  assertEquals(await lines(socketPath, "read", "--at", "2", "/a/b"), ["1"]);
  assertEquals(await lines(socketPath, "read", "-p", "--at=#3", "/a/b", "/a"), [
    "/a/b: 2\\x1b[31m",
    "/a: ",
  ]);
  assertEquals((await xs(socketPath, ["read", "-R", "--at", "3", "/a/b"])).out, "2\x1b[31m");
  assertEquals(await lines(socketPath, "list", "--at", "4", "/"), ["a", "local", "tool"]);
  assertEquals(await lines(socketPath, "list", "-p", "--at", "4", "/a"), ["/a/b"]);
  assertEquals(await lines(socketPath, "ls", "--at", "4"), [
    'a = ""',
    ' b = "2\\x1b[31m"',
    'local = ""',
    ' domain = ""',
    '  3 = ""',
    '   data = ""',
    '    set_clipboard = "<6 bytes hidden>"',
    'tool = ""',
    ' xenstored = ""',
  ]);
  assertEquals(await lines(socketPath, "ls", "-f", "-p", "--at", "7", "/x"), [
    '/x = "1"   (r0)',
  ]);
  assertEquals(await lines(socketPath, "perms", "--at", "6", "/x"), ["n0"]);
  assertEquals(await lines(socketPath, "perms", "-p", "/x", "/y"), ["/x: r0", "/y: n0"]);
  assertEquals(
    (await xs(socketPath, ["perms", "--json", "--at", "7", "/x"])).out,
    '{"path":"/x","perms":["r0"]}\n',
  );
  for (const [at, status] of [["5", 1], ["6", 0]] as const) {
    assertEquals(await xs(socketPath, ["exists", "--at", at, "/x"]), { status, out: "", err: "" });
  }
  // As live: relative to the home of the socket's clients.
  {
    await using client = await Client.connect({ socket: socketPath });
    await client.write("mine", "1");
    await client.write("mine", "2");
  }
  assertEquals(await lines(socketPath, "read", "--at", "10", "mine"), ["1"]);
  assertEquals(await lines(socketPath, "list", "--at", "10", "/local/domain/0"), ["mine"]);
});

Deno.test("--at --json: what is hidden says how long it is", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const path = "/local/domain/3/data/set_clipboard";
  const read = await xs(socketPath, ["read", "--json", "--at", "4", path]);
  assertEquals(JSON.parse(read.out), { path, hidden: 6 });
  const ls = await xs(socketPath, ["ls", "--json", "--at", "4", "/local/domain/3/data"]);
  assertEquals(JSON.parse(ls.out), { path, hidden: 6 });
});

Deno.test("--at: what is not known is said, and between which commits it changed", async () => {
  await using server = await startRecorded();
  const { socketPath } = server;
  {
    await using client = await Client.connect({ socket: socketPath });
    await client.write("/quiet", "1");
    for (let i = 0; i < 700; i++) await client.write("/busy", `${i}`);
  }
  const between = /known only to have changed between #257 and #\d+/;
  const [status, err] = await failure(socketPath, "read", "--at", "300", "/busy");
  assertEquals(status, 1);
  assertMatch(
    err,
    new RegExp(
      `^xs: read /busy: ${between.source} \\(see: xs read --help\\)\\n$|^xs: read /busy: ${between.source}\\n$`,
    ),
  );
  assertEquals((await failure(socketPath, "exists", "--at", "300", "/busy"))[0], 2);
  assertEquals(await lines(socketPath, "read", "--at", "300", "/quiet"), ["1"]);
  const ls = await xs(socketPath, ["ls", "--at", "300"]);
  assertEquals(ls.status, 0);
  assertStringIncludes(ls.out, 'quiet = "1"\n');
  assertMatch(ls.err, new RegExp(`^xs: /busy: ${between.source}\\n$`));
  const diff = await xs(socketPath, ["diff", "#300", "#2"]);
  assertMatch(diff.err, new RegExp(`^xs: #300: /busy: ${between.source}$`, "m"));
});

Deno.test("diff: between any two points, and the daemon as it is", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const differs = async (...args: string[]): Promise<string[]> => {
    const { err, out, status } = await xs(socketPath, ["diff", ...args]);
    assertStringIncludes(err, "only nodes are compared");
    assertEquals(status, out === "" ? 0 : 1);
    return out.split("\n").filter((line) => line !== "" && !line.includes("@"));
  };
  assertEquals(await differs("#5", "#6"), ['+ /x = "1"   (n0)', '+ /y = "1"   (n0)']);
  assertEquals(await differs("#6", "#5"), ['- /x = "1"   (n0)', '- /y = "1"   (n0)']);
  assertEquals(await differs("live@#3~1", "@#3"), [
    '- /a/b = "1"   (n0)',
    '+ /a/b = "2\\x1b[31m"   (n0)',
  ]);
  assertEquals(await differs("#8", "live"), []);
  assertEquals(await differs("--at", "7"), ['- /x = "1"   (r0)', '+ /x = "77"   (r0)']);
  assertEquals(await differs("--at", "7", "#6"), ['- /x = "1"   (r0)', '+ /x = "1"   (n0)']);
  // A hidden value is compared by its length, and shown on neither side.
  {
    await using client = await Client.connect({ socket: socketPath });
    await client.write("/local/domain/3/data/set_clipboard", "other!");
    assertEquals(await differs("#4", "#9"), await differs("#4", "#10"));
    await client.write("/local/domain/3/data/set_clipboard", "longer than before");
  }
  const hidden = (await differs("#9", "live")).join("\n");
  assertEquals(hidden.includes("longer than"), false);
  assertStringIncludes(hidden, "<18 bytes hidden>");
});

Deno.test("dump --at: nodes of that moment, which are no whole store", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const dump = await xs(socketPath, ["dump", "--at", "3", "--json"]);
  assertEquals(dump.status, 0);
  assertStringIncludes(
    dump.out,
    '{"kind":"node","path":"/a/b","value":"2\\u001b[31m","perms":["n0"]}\n',
  );
  assertStringIncludes(
    dump.err,
    "as after #3 of the history, which has nodes and permissions only",
  );
  const named = await xs(socketPath, ["dump", "live@#3", "--json"]);
  assertEquals(named.out, dump.out);
  const restore = await xs(socketPath, ["restore", "live@#4", "--into", "live"]);
  assertEquals([restore.status, restore.err], [
    1,
    "xs: restore live@#4: one value is hidden in the history\n",
  ]);
  const whole = await xs(socketPath, ["restore", "live@#3", "--into", "live"]);
  assertEquals(whole.status, 0, whole.err);
  assertEquals(await lines(socketPath, "read", "/a/b"), ["2\\x1b[31m"]);
  assert((await xs(socketPath, ["exists", "/x"])).status === 1);
});
