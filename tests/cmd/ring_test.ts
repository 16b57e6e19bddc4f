/** `xs ring` and `xs errors`: what a stuck, a broken and a malformed ring look like. */
import { assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { decodeRing } from "../../cmd/ring/decode.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { MALFORMED_BYTES_MAX, MALFORMED_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { REQ_PROD, RSP_CONS, RSP_PROD } from "../../lib/transport/ring_page.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { until } from "../support/patience.ts";

interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function xs(socket: string, ...args: string[]): Promise<Result> {
  const shell = fakeShell(args, {
    env: { XENSTORED_PATH: socket },
    exists: surroundings.exists,
  });
  return { status: await runApp(shell), ...shell.printed };
}

/** A server with an introduced domain 7, named web. */
async function withDomain(): Promise<{ server: EmbeddedServer; client: Client }> {
  const server = await EmbeddedServer.start();
  server.domains.create(7);
  const client = await Client.connect({ socket: server.socketPath });
  await client.introduce(7, 1, 1);
  await client.write("/local/domain/7/name", "web");
  await client.setPerms("/local/domain/7/name", [{ domid: 7, access: "n" }]);
  return { server, client };
}

Deno.test("xs ring: a guest that does not read its answers; headers only, data if asked for", async () => {
  const { client, server } = await withDomain();
  await using _server = server;
  using _client = client;
  const guest = server.domains.guest(7);
  const ask = encodeMessage(MessageType.READ, 9, 0, joinStrings("name"));
  guest.write(ask, 0, ask.length);
  guest.kick();
  await until("the answer", () => guest.page.words[RSP_PROD]! > 0);
  const { err, out, status } = await xs(server.socketPath, "ring", "7", "--for", "0");
  assertEquals([status, err], [0, ""]);
  assertMatch(out, /^domain 7 \(web\): connected, features .*, error none, port \d+\n/);
  assertMatch(out, /^ {2}the guest has 19 bytes of answers and events to read$/m);
  assertMatch(out, /^responses: consumer 0, producer 19, 19 bytes between$/m);
  assertMatch(out, /^ {2}READ request 9 transaction 0 length 3$/m);
  assertEquals(/web"|\bweb$/m.test(out.split("\n").slice(1).join("\n")), false);
  assertMatch((await xs(server.socketPath, "ring", "7", "--for", "0", "--data")).out, /web$/m);
  const twice = await xs(server.socketPath, "ring", "7", "--for", "0.01");
  assertMatch(twice.out, /^ {2}nothing has moved within 0.01 s$/m);
  const json = JSON.parse((await xs(server.socketPath, "ring", "7", "--json")).out);
  assertEquals([json.domid, json.name, json.responses.packets[0].header], [7, "web", {
    type: "READ",
    reqId: 9,
    txId: 0,
    len: 3,
  }]);
});

Deno.test("xs ring: broken indices, and a domain without a ring", async () => {
  const { client, server } = await withDomain();
  await using _server = server;
  using _client = client;
  const guest = server.domains.guest(7);
  guest.page.words[REQ_PROD] = 5_000;
  guest.kick();
  await until("the daemon to see it", async () => {
    return (await xs(server.socketPath, "errors")).out.includes("indices");
  });
  const { out } = await xs(server.socketPath, "ring", "7", "--for", "0");
  assertMatch(out, /^ {2}the daemon ignores the ring until the domain is introduced again$/m);
  assertMatch(out, /^requests: consumer 0, producer 5000, more than a ring apart$/m);
  const none = await xs(server.socketPath, "ring", "8", "--for", "0");
  assertEquals(none.status, 1);
  assertMatch(none.err, /^xs: ring 8: the domain has no ring \(it is not introduced\)\n/);
});

/** A page with these bytes of requests behind the consumer index. */
function pageWith(bytes: Uint8Array, cons = 1000): Uint8Array {
  const page = new Uint8Array(2080);
  bytes.forEach((byte, i) => page[(cons + i) % 1024] = byte);
  const words = new Uint32Array(page.buffer);
  words[512] = cons;
  words[513] = cons + bytes.length;
  words[RSP_CONS] = 0xffff_ffff;
  words[RSP_PROD] = 0x0000_0000;
  return page;
}

const read = encodeMessage(MessageType.READ, 1, 2, joinStrings("/a"));

Deno.test("xs ring: what is a message, a part of one, and none", () => {
  const notes = (bytes: Uint8Array, taken = 0, head: number[] = []): (string | null)[] =>
    decodeRing(pageWith(bytes), taken, head).requests.packets.map(({ note }) => note);
  assertEquals(notes(new Uint8Array([...read, ...read])), [null, null]);
  assertEquals(notes(read.subarray(0, 17)), ["17 of its 19 bytes are there"]);
  assertEquals(notes(read.subarray(0, 7)), ["the first 7 bytes of a header"]);
  assertEquals(notes(encodeMessage(99, 1, 0, toBytes("x"))), ["cannot be a message: unknown type"]);
  assertEquals(notes(encodeMessage(MessageType.WATCH_EVENT, 1, 0, toBytes("x"))), [
    "cannot be one in this direction",
  ]);
  const long = encodeMessage(MessageType.READ, 1, 0, new Uint8Array(0));
  new DataView(long.buffer).setUint32(12, 5_000, true);
  assertEquals(notes(long), ["cannot be a message: 5000 bytes of payload, more than 4096"]);
  assertEquals(
    notes(new Uint8Array([...read.subarray(10), ...read]), 10, [...read.subarray(0, 10)]),
    [
      "the rest of a message that was read in part",
      null,
    ],
  );
  assertEquals(
    notes(new Uint8Array([...read.subarray(17), ...read]), 17, [...read.subarray(0, 16)]),
    [
      "the rest of a message that was read in part",
      null,
    ],
  );
  const { responses } = decodeRing(pageWith(read), 0, []);
  assertEquals([responses.waiting, responses.packets.length], [1, 1]);
});

Deno.test("xs errors: what is too long, unknown or invalid; by whom; bytes if asked for", async () => {
  await using server = await EmbeddedServer.start();
  const socket = server.socketPath;
  assertEquals((await xs(socket, "errors")).out, "no malformed message\n");
  using talker = await Deno.connect({ transport: "unix", path: socket });
  const buffer = new Uint8Array(100);
  await talker.write(encodeMessage(99, 5, 0, toBytes("SECRET\n")));
  await talker.read(buffer);
  const unknown = await xs(socket, "errors");
  assertMatch(
    unknown.out,
    /^0s ago socket \d+ \(pid \d+ .*\): ENOSYS\n {2}TYPE-99 \(type 99\) request 5 /,
  );
  assertEquals(unknown.out.includes("SECRET"), false);
  await talker.write(encodeMessage(MessageType.READ, 6, 0, toBytes("/a//b\0")));
  await talker.read(buffer);
  const long = encodeMessage(MessageType.WRITE, 7, 0, toBytes("/a\0value"));
  new DataView(long.buffer).setUint32(12, 70_000, true);
  await talker.write(long);
  assertEquals(await talker.read(buffer), null);
  const json = (await xs(socket, "errors", "--data", "--json")).out.trimEnd().split("\n");
  const row = JSON.parse(json[0]!);
  assertEquals([row.pid, row.open, row.reason, row.count], [
    Deno.pid,
    false,
    "70000 bytes of payload, more than 4096",
    3,
  ]);
  assertEquals(row.header, { type: 11, reqId: 7, txId: 0, len: 70_000, name: "WRITE" });
  assertEquals(row.bytes.length, 2 * long.length);
  assertMatch((await xs(socket, "errors", "--data")).out, /^ {2}0010 {2}2f 61 00 .* \/a\.value$/m);
});

Deno.test("xs errors: the newest connections are kept, and of each message its beginning", async () => {
  await using server = await EmbeddedServer.start();
  const socket = server.socketPath;
  const long = encodeMessage(99, 1, 0, new Uint8Array(4_000));
  for (let i = 0; i < MALFORMED_MAX + 10; i++) {
    using talker = await Deno.connect({ transport: "unix", path: socket });
    await talker.write(long);
    await talker.read(new Uint8Array(100));
  }
  const lines = (await xs(socket, "errors", "--data", "--json")).out.trimEnd().split("\n");
  assertEquals(lines.length, MALFORMED_MAX);
  const { bytes, header } = JSON.parse(lines[0]!);
  assertEquals([bytes.length, header.len], [2 * MALFORMED_BYTES_MAX, 4_000]);
});
