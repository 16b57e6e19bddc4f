/** `xs history purge`, of a daemon and of a file. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client as SocketClient } from "../../lib/client/client.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { failure, lines, makeWorld, xs } from "./support.ts";

Deno.test("what was purged is hidden from every command, and revert refuses it", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  // #2 and #3 write /a/b, #5 removes it: two new values and two old ones; of /a a value that is empty, twice.
  assertEquals(await lines(socketPath, "history", "purge", "/a"), [
    "6 values are taken out of the history",
  ]);
  for (
    const args of [
      ["show", "3"],
      ["log", "/a"],
      ["log", "--json", "/a"],
      ["blame", "--at", "3", "/a/b"],
      ["read", "--at", "3", "/a/b"],
      ["ls", "--at", "3", "/a"],
      ["log", "--format", "git-fast-import"],
    ]
  ) {
    const { err, out, status } = await xs(socketPath, args);
    assertEquals([status, err], [0, ""], args.join(" "));
    assert(!out.includes("\\x1b[31m") && !out.includes("2\x1b"), args.join(" "));
    assertMatch(out, /hidden/, args.join(" "));
  }
  assertEquals((await xs(socketPath, ["read", "--at", "3", "/a/b"])).out, "<6 bytes hidden>\n");
  const [status, err] = await failure(socketPath, "revert", "5");
  assertEquals(status, 1);
  assertStringIncludes(err, "hidden");
  // What else there is stays.
  assertEquals(await lines(socketPath, "read", "--at", "8", "/x"), ["77"]);
});

Deno.test("two purges at once both end, beside clients that go on", async () => {
  await using server = await startRecorded();
  const { socketPath } = server;
  await using client = await SocketClient.connect({ socket: socketPath });
  for (let i = 0; i < 1_500; i++) await client.write(`/p/${i % 7}`, `value ${i}`);
  const purges = ["/p/1", "/p/1", "/p"].map((path) =>
    xs(socketPath, ["history", "purge", "--json", path])
  );
  let isOver = false;
  const others = (async () => {
    while (!isOver) await client.write("/q", "1");
  })();
  const ended = await Promise.all(purges);
  isOver = true;
  await others;
  const counts = ended.map(({ out, status }) => {
    assertEquals(status, 0);
    return Number(JSON.parse(out).purged);
  });
  // Of the same path one finds all; fast writes are folded, so that nobody knows how many there are.
  assert(Math.max(...counts) > 0, `${counts}`);
  assertEquals(Math.min(counts[0]!, counts[1]!), 0);
  const { out } = await xs(socketPath, ["log", "--json", "/p"]);
  assert(!/value \d/.test(out));
});

Deno.test("what cannot be purged is one line, with status 2 or 1", async () => {
  await using world = await makeWorld();
  const { socketPath } = world.server;
  const hint = "(a path from /, of A-Z a-z 0-9 - / _ @, no doubled slash and none at its end)";
  for (const path of ["a", "data/x", "", "/a/", "//a", "/a b", "/a*", "@", "./a"]) {
    const named = path === "" ? "" : ` ${path}`;
    assertEquals(await failure(socketPath, "history", "purge", "/x", path), [
      2,
      `xs: history${named}: invalid path ${hint}\n`,
    ]);
  }
  assertEquals(await failure(socketPath, "history", "drop"), [
    2,
    "xs: history drop: unknown action (purge is the only one)\n",
  ]);
  assertEquals(await failure(socketPath, "history", "purge"), [
    2,
    "xs: history: no path is given (xs history purge PATH...)\n",
  ]);
  assertEquals(
    await failure(socketPath, "history", "purge", ...Array(9).fill(`/${"n".repeat(250)}`)),
    [1, "xs: history: too many or too long paths\n"],
  );
});

Deno.test("the daemon takes it from privileged clients only, and only whole paths", async () => {
  await using server = await startRecorded();
  const { engine } = server.daemon, admin = new Client(engine, 0);
  const ask = (client: Client, words: string): string =>
    client.ask(MessageType.CONTROL, `history\0${words}\0`);
  assertEquals(ask(new Client(engine, 7), "purge\0/a"), "ERROR EACCES\0");
  for (const words of ["purge", "purge\0", "purge\0a", "purge\0/a\0/b/", "purged"]) {
    assertEquals(ask(admin, words), "ERROR EINVAL\0", words);
  }
  assertEquals(ask(admin, "purged\x001"), "ERROR ENOENT\0");
  for (let i = 1; i <= 8; i++) assertEquals(ask(admin, "purge\0/a"), `CONTROL purge ${i}\0`);
  assertEquals(ask(admin, "purge\0/a"), "CONTROL 8 purges wait already (try again later)\0");
});

Deno.test("without a history there is nothing to purge", async () => {
  await using server = await EmbeddedServer.start();
  const [status, err] = await failure(server.socketPath, "history", "purge", "/a");
  assertEquals([status, err], [1, "xs: history: the daemon keeps no history (--history off)\n"]);
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`;
  assertEquals(await failure(server.socketPath, "history", "purge", "--store", store, "/a"), [
    1,
    `xs: history ${store}.history: there is no history\n`,
  ]);
});

Deno.test("a file without a daemon is purged, one of a daemon by that, one of a killed daemon not", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`;
  {
    await using server = await startRecorded({ store });
    await using client = await SocketClient.connect({ socket: server.socketPath });
    await client.write("/a/key", "hunter-seven");
    await client.write("/b", "stays");
    const [status, err] = await failure("/none", "history", "purge", "--store", store, "/a");
    assertEquals(status, 1);
    assertMatch(err, /a daemon has it|in use by another daemon/);
  }
  Deno.writeTextFileSync(`${store}.tail`, "");
  const [status, err] = await failure("/none", "history", "purge", "--store", store, "/a");
  assertEquals([status, err], [
    1,
    `xs: history ${store}: a daemon has it, or was killed (start one on it, and purge there)\n`,
  ]);
  Deno.removeSync(`${store}.tail`);
  const { out } = await xs("/none", ["history", "purge", "--store", store, "/a/key"]);
  assertEquals(out, "1 value is taken out of the history\n");
  for (const { name } of Deno.readDirSync(scratch.path)) {
    const bytes = Deno.readFileSync(`${scratch.path}/${name}`);
    assert(!new TextDecoder("latin1").decode(bytes).includes("hunter"), name);
  }
  const shown = (await xs("/none", ["log", "--store", store, "--json"])).out;
  assertStringIncludes(shown, '"hidden":12');
  assertStringIncludes(shown, "stays");
});
