/** `xs status`, against a daemon of its own process, an embedded one, a stopped one and none. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { REQUEST_UNITS } from "../../lib/engine/work_meter.ts";
import type { Status } from "../../lib/engine/status.ts";
import { EmbeddedServer } from "../../lib/server/start/embedded.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
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
    watches: before.counts.watches + 1,
    transactions: before.counts.transactions + 1,
  });
  assert(after.store.journalBytes >= before.store.journalBytes + 10_000, "the values are in it");
  assert(after.work.turns >= before.work.turns + 13, "each request had a turn of its own");
  assert(after.work.units >= before.work.units + 12 * REQUEST_UNITS);
  const [first, ...others] = after.busiest.map(({ units }) => units);
  assert(first !== undefined && others.every((units) => units <= first), "the busiest is first");
  assert(after.busiest.every(({ client }) => client.startsWith("socket ")));
  assert(after.uptimeMs >= before.uptimeMs);
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
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  const { status, out, err } = await xsStatus(daemon.socketPath, "--timeout", "60");
  assertEquals([status, err], [0, ""]);
  assertMatch(out, /^version +\d/);
  assertMatch(out, new RegExp(`^pid +${daemon.pid}$`, "m"));
  assertMatch(out, /^persist +none$/m);
  assertMatch(out, /^clients +1$/m);
  assert(!/^store|^journal/m.test(out), out);
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
