/** `xs who`: owner, rights and watches, page by page. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { WHO_ROWS_MAX, WHO_WATCHES_PER_REQUEST } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";

async function who(
  socket: string,
  ...args: string[]
): Promise<{ status: number; out: string; err: string }> {
  const shell = fakeShell(["who", ...args], {
    env: { XENSTORED_PATH: socket },
    exists: surroundings.exists,
  });
  return { status: await runApp(shell), ...shell.printed };
}

Deno.test("xs who: owner, entries, and the watches at, above and below; events are counted", async () => {
  await using server = await EmbeddedServer.start();
  const socket = server.socketPath;
  using client = await Client.connect({ socket });
  await client.write("/a/b/c", "1");
  await client.setPerms("/a/b", [{ domid: 0, access: "n" }, { domid: 5, access: "r" }]);
  for (const path of ["/", "/a/b", "/a/b/c", "/a/x", "/a/bc"]) await client.watch(path);
  await client.watch("/a", { depth: 0 });
  const running = who(socket, "/a/b", "--for", "0.2");
  let isOver = false;
  const result = running.then((found) => {
    isOver = true;
    return found;
  });
  while (!isOver) await client.write("/a/b/c", "2");
  const { err, out, status } = await result;
  assertEquals([status, err], [0, ""]);
  const lines = out.split("\n");
  assertEquals(lines.slice(0, 4), [
    "/a/b",
    "  domain 0: everything, as owner; all others: nothing, by entry n0",
    "  domain 5: read, by entry r5, but the entry is older than this domain and has no effect",
    "  domain 0 and all sockets: everything, by privilege",
  ]);
  assertMatch(lines[4]!, /^where +client +events\/s +queued +path +token$/);
  const watches = lines.slice(5, -1).map((line) => line.split(/ {2,}/));
  assertEquals(watches.map(([where, , , , path]) => `${where} ${path}`), [
    "above /",
    "at /a/b",
    "below /a/b/c",
  ]);
  for (const [, process, rate] of watches) {
    assertMatch(process!, new RegExp(`\\[${Deno.pid}\\] #\\d+$`));
    assert(Number(rate) > 0, out);
  }
});

Deno.test("xs who: a node that is missing, a special, a path that is none", async () => {
  await using server = await EmbeddedServer.start();
  const socket = server.socketPath;
  const missing = await who(socket, "/tool/none/deep");
  assertMatch(
    missing.out,
    /^\/tool\/none\/deep does not exist; \/tool decides who may create it\n/,
  );
  assertMatch(missing.out, /no client watches it/);
  using client = await Client.connect({ socket });
  await client.watch("@releaseDomain");
  assertMatch(
    (await who(socket, "@releaseDomain", "--for", "0")).out,
    /^at +\S+ .*@releaseDomain/m,
  );
  const wrong = await who(socket, "/a//b");
  assertEquals(wrong.status, 1);
  assertMatch(wrong.err, /^xs: who \/a\/\/b: /);
});

Deno.test("xs who: long lists come page by page, are cut where a person stops, and rows stay small", async () => {
  await using server = await EmbeddedServer.start();
  const socket = server.socketPath;
  const session = new Session(await openStream(socket), socket);
  const nodes = new Operations(session);
  const path = `/${"n".repeat(250)}`.repeat(8);
  const token = "\u00ff\u0001".repeat(400);
  for (let i = 0; i < 3; i++) await nodes.watch(path, `${i}${token}`);
  for (let i = 0; i < WHO_ROWS_MAX + 50; i++) await nodes.watch("/a", `${i}`);
  const cut = await who(socket, "--for", "0", "--watchers", "/");
  assertEquals(cut.status, 0, cut.err);
  const lines = cut.out.split("\n");
  assertEquals(lines.length, WHO_ROWS_MAX + 3);
  assertMatch(lines.at(-2)!, /and more/);
  const all = await who(socket, "--for", "0", "--watchers", "-n", "1000", "--json", "/");
  const rows = all.out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(rows.length, WHO_ROWS_MAX + 53);
  assertEquals(rows.filter((row) => row.kind === "more"), []);
  session.close();
});

Deno.test("xs who: the last change of a node, where there is a history", async () => {
  await using server = await startRecorded();
  using client = await Client.connect({ socket: server.socketPath });
  await client.write("/a/b", "1");
  const { err, out, status } = await who(server.socketPath, "/a/b", "--for", "0");
  assertEquals([status, err], [0, ""]);
  assertMatch(
    out,
    new RegExp(`^  last changed by pid ${Deno.pid} .* in #\\d+, \\S+ \\S+ \\(.* ago\\)$`, "m"),
  );
  const json = (await who(server.socketPath, "--json", "/a/b", "--for", "0")).out.trimEnd().split(
    "\n",
  );
  const change = json.map((line) => JSON.parse(line)).find(({ kind }) => kind === "change");
  assertEquals([typeof change.commit, change.author.pid], ["number", Deno.pid]);
});

Deno.test("CONTROL who: a request looks at so many watches and no more, whether they belong or not", async () => {
  await using server = await EmbeddedServer.start();
  const session = new Session(await openStream(server.socketPath), server.socketPath);
  const nodes = new Operations(session);
  const watches: Promise<void>[] = [];
  for (let i = 0; i < WHO_WATCHES_PER_REQUEST; i++) watches.push(nodes.watch("/other", `${i}`));
  watches.push(nodes.watch("/a", "last"));
  await Promise.all(watches);
  const ask = async (from: string): Promise<{ rows: { kind: string }[]; next: string | null }> =>
    JSON.parse(await nodes.ask(MessageType.CONTROL, "control", "who", "/a", from));
  const first = await ask("");
  assertEquals(first.rows.map(({ kind }) => kind), ["node", "entry"]);
  const second = await ask(first.next!);
  assertEquals([second.rows.map(({ kind }) => kind), second.next], [["watch"], null]);
  session.close();
});
