/** `xs status`, against a daemon of its own process, an embedded one, a stopped one and none. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { REQUEST_UNITS } from "../../lib/engine/work_meter.ts";
import type { Status } from "../../lib/engine/status.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { RawClient } from "../support/raw_client.ts";

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function xsStatus(socket: string, ...more: readonly string[]): Promise<Ended> {
  const [command, ...args] = xsCommand();
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, "status", "--socket", socket, ...more],
  }).output();
  const decoder = new TextDecoder();
  return { status: code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function statusRecord(socket: string): Promise<Status> {
  const { status, out, err } = await xsStatus(socket, "--json", "--timeout", "60");
  assertEquals([status, err], [0, ""]);
  return JSON.parse(out);
}

Deno.test("xs status counts what is there", async () => {
  await using daemon = await startDaemon();
  const { socketPath, pid } = daemon;
  const before = await statusRecord(socketPath);
  await using client = await RawClient.connect(socketPath);
  for (let i = 0; i < 10; i++) await client.ask(T.WRITE, `/status/${i}\0${"v".repeat(1000)}`);
  await client.ask(T.WATCH, "/status\0t\0");
  await client.ask(T.TRANSACTION_START, "\0");
  const after = await statusRecord(socketPath);
  assertEquals(after.pid, pid);
  assertEquals(after.counts, {
    nodes: before.counts.nodes + 11,
    domains: before.counts.domains,
    clients: before.counts.clients + 1,
    rings: before.counts.rings,
    watches: before.counts.watches + 1,
    transactions: before.counts.transactions + 1,
  });
  assert(after.store.journalBytes >= before.store.journalBytes + 10_000, "the values are in it");
  assert(after.work.turns >= before.work.turns + 13, "each request had a turn of its own");
  assert(after.work.units >= before.work.units + 12 * REQUEST_UNITS);
  const [first, ...others] = after.busiest.map(({ units }) => units);
  assert(first !== undefined && others.every((units) => units <= first), "the busiest is first");
  assert(after.busiest.every(({ client }) => client.startsWith("socket ")));
  // The command line of the `xs status` itself, say, may hold secrets: only the program is told.
  for (const { author } of after.busiest) assertMatch(author, /^pid \d+ (of user \d+ )?\(\S+\)$/);
  assert(after.busiest.length >= 2, "this test and the command");
  assert(after.uptimeMs >= before.uptimeMs);
  const { ageMaxMs, bytes: historyBytes, bytesMax, since } = after.history!;
  assertEquals(ageMaxMs, 7 * 86_400_000);
  assert(historyBytes > 0 && historyBytes < bytesMax && bytesMax <= 64 * 2 ** 20);
  assert(Date.parse(since!) > Date.now() - 3_600_000 && Date.parse(since!) <= Date.now(), since!);
  assertEquals(after.store.persist, "crash");
  assertEquals(after.store.path, `${socketPath}.store`);
  const sizes = new Map(after.store.files.map(({ name, bytes }) => [name, bytes]));
  for (const [name, bytes] of sizes) {
    const path = `${socketPath.slice(0, socketPath.lastIndexOf("/"))}/${name}`;
    assertEquals(Deno.statSync(path).size, bytes, name);
  }
  assert(sizes.has("socket.store"), `${[...sizes.keys()]}`);
  const { resident, heap, external } = after.memory;
  assert(resident > heap && heap > 1e6 && external > 0, JSON.stringify(after.memory));
});

Deno.test("xs status prints a line for each figure", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none", "--history", "off"] });
  const { status, out, err } = await xsStatus(daemon.socketPath, "--timeout", "60");
  assertEquals([status, err], [0, ""]);
  assertMatch(out, /^version +\d/);
  assertMatch(out, new RegExp(`^pid +${daemon.pid}$`, "m"));
  assertMatch(out, /^persist +none$/m);
  assertMatch(out, /^clients +1$/m);
  assertMatch(out, /^since +\d{4}-\d\d-\d\dT[\d:.]+Z \(/m);
  assertMatch(out, /^started +with an empty store$/m);
  assertMatch(out, /^history +off$/m);
  assertMatch(out, /^requests +\d+ \([\d.]+ a second\)$/m);
  assertMatch(out, /^worst turn +[\d.]+ ms, most of it (requests|commit|answers|upkeep), /m);
  assertMatch(out, /^domain 0 +no quotas$/m);
  assert(!/^store|^journal/m.test(out), out);
});

Deno.test("xs status has a line for each domain, whose name cannot forge another", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  for (const [domid, name] of [[5, "web1"], [7, "evil\ndomain 0 no quotas\x1b[2J"]] as const) {
    server.domains.create(domid);
    await client.ask(T.INTRODUCE, `${domid}\x001\x005\0`);
    await client.ask(T.WRITE, `/local/domain/${domid}/name\0${name}`);
  }
  await client.ask(T.MKDIR, "/local/domain/5/data\0");
  await client.ask(T.SET_PERMS, "/local/domain/5/data\0n5\0");
  await client.ask(T.SET_QUOTA, "5\x00nodes\x004\0");
  const { status, out } = await xsStatus(server.socketPath, "--timeout", "60");
  assertEquals(status, 0);
  const lines = out.split("\n").filter((line) => line.startsWith("domain "));
  assertEquals(
    lines[1],
    "domain 5         web1: nodes 25%, watches 0%, outstanding 0%, memory 0%, transactions 0%",
  );
  assertEquals(lines.length, 3);
  assertMatch(lines[2]!, /^domain 7 +evil\\u000adomain 0 no quotas\\u001b\[2J: nodes 0%/);
  const { domains } = JSON.parse((await xsStatus(server.socketPath, "--json")).out);
  assertEquals(domains[1].quotas.nodes, { used: 1, peak: 1, limit: 4, refused: 0 });
});

Deno.test("xs status names the clients of which one makes the other's transactions fail", async () => {
  await using daemon = await startDaemon();
  const { socketPath } = daemon;
  await using one = await RawClient.connect(socketPath);
  await using two = await RawClient.connect(socketPath);
  for (let i = 0; i < 3; i++) {
    const start = await one.exchange({
      type: T.TRANSACTION_START,
      txId: 0,
      payload: toBytes("\0"),
    });
    const txId = Number.parseInt(start.at(-1)!.text);
    for (const [type, text] of [[T.READ, "/shared\0"], [T.WRITE, "/shared\0one"]] as const) {
      await one.exchange({ type, txId, payload: toBytes(text) });
    }
    await two.ask(T.WRITE, `/shared\0two ${i}`);
    await one.exchange({ type: T.TRANSACTION_END, txId, payload: toBytes("T\0") });
  }
  const { out } = await xsStatus(socketPath, "--timeout", "60");
  const client = `socket \\d+ \\(pid ${Deno.pid} .*?\\)`;
  const pair = `3 commits of ${client} refused because of ${client}`;
  assertMatch(out, new RegExp(`^conflicts +${pair}, last: (?:existence|value) of /shared$`, "m"));
  const { conflicts, domains } = JSON.parse((await xsStatus(socketPath, "--json")).out);
  assertEquals([conflicts[0].count, conflicts[0].path], [3, "/shared"]);
  assertEquals([domains[0].conflictsSuffered, domains[0].conflictsCaused], [3, 3]);
});

Deno.test("xs status tells how the daemon came up", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const started = async (): Promise<Status["beginning"]> => (await statusRecord(socket)).beginning;
  {
    await using _first = await startDaemon({ socket });
    assertEquals((await started()).text, "with an empty store");
    await using client = await RawClient.connect(socket);
    await client.ask(T.WRITE, "/x\0v");
  }
  const died = new Date();
  {
    await using second = await startDaemon({ socket });
    const { after, how, text } = await started();
    assertEquals([how, after], ["recovered", "end"]);
    assertMatch(text, /^recovered \d+ nodes after an orderly end/);
    await using client = await RawClient.connect(socket);
    await client.ask(T.WRITE, "/y\0v");
    Deno.kill(second.pid, "SIGKILL");
    await second.status;
  }
  await using _third = await startDaemon({ socket });
  const { after, lastTurn, text } = await started();
  assertEquals(after, "death");
  assertMatch(text, /^recovered \d+ nodes after a kill, last change at /);
  assert(new Date(lastTurn!) >= died, `${lastTurn}`);
});

Deno.test("CONTROL status fits one message and takes no argument", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  const reply = await client.ask(T.CONTROL, "status\0");
  const status: Status = JSON.parse(reply.slice(0, -1));
  assertEquals([status.version, status.store.path, status.store.files], ["embedded", null, []]);
  assertEquals(await client.ask(T.CONTROL, "status\0all\0"), "EINVAL\0");
});

Deno.test("xs status says that there is no daemon, and fails", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const { status, out, err } = await xsStatus(socket);
  assertEquals([status, out], [1, ""]);
  assertMatch(err, /^xs: status: cannot connect to .*there is no such socket.*\n$/);
  assertMatch(err, new RegExp(socket));
  const json = await xsStatus(socket, "--json");
  assertEquals([json.status, JSON.parse(json.err).code], [1, "ENOENT"]);
});

Deno.test("xs status of a stopped daemon gives up in time", async () => {
  await using daemon = await startDaemon();
  Deno.kill(daemon.pid, "SIGSTOP");
  try {
    const { status, out, err } = await xsStatus(daemon.socketPath, "--timeout", "0.2");
    assertEquals([status, out], [1, ""]);
    const line = /^xs: status: the daemon did not answer within 200ms \(it may be stopped .*\)\n$/;
    assertMatch(err, line);
  } finally {
    Deno.kill(daemon.pid, "SIGCONT");
  }
  assertEquals((await statusRecord(daemon.socketPath)).pid, daemon.pid);
});
