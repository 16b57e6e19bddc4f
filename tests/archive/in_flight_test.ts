/** What was in flight on a domain's ring goes on where the domain is restored. */
import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { decodeStream } from "../../lib/codec/stream.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";

async function xs(socket: string, ...args: string[]): Promise<void> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  assertEquals([await runApp(shell), shell.printed.err], [0, ""], args.join(" "));
}

async function introduce(
  server: EmbeddedServer,
  client: Client,
  domid: number,
): Promise<GuestRing> {
  server.domains.create(domid);
  const payload = joinStrings(`${domid}`, "1", `${10 + domid}`);
  await client.write(`/local/domain/${domid}/value`, "x".repeat(2_000));
  await client.setPerms(`/local/domain/${domid}`, [{ domid, access: "n" }]);
  await client.setPerms(`/local/domain/${domid}/value`, [{ domid, access: "n" }]);
  using connection = await Deno.connect({ transport: "unix", path: server.socketPath });
  await connection.write(encodeMessage(MessageType.INTRODUCE, 1, 0, payload).slice());
  await connection.read(new Uint8Array(64));
  return server.domains.guest(domid) as GuestRing;
}

/** Reads `count` bytes from the ring. */
async function take(guest: GuestRing, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = guest.read(bytes, at, count);
    assert(read >= 0);
    at += read;
    if (read === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return bytes;
}

Deno.test("restore --domain: half a request and half a reply find their other halves", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  await using client = await Client.connect({ socket: server.socketPath });
  const socket = server.socketPath, file = `${scratch.path}/dump`;
  const guest = await introduce(server, client, 1);
  const read = encodeMessage(MessageType.READ, 7, 0, joinStrings("value")).slice();
  const write = encodeMessage(MessageType.WRITE, 8, 0, toBytes("value\0new")).slice();
  const requests = new Uint8Array([...read, ...write.subarray(0, 20)]);
  assertEquals(guest.write(requests, 0, requests.length), requests.length);
  // The reply has more than the ring has room for; a part of it is taken, the rest never comes.
  const first = await take(guest, 500);
  await xs(socket, "dump", "--domain", "1", "-o", file);
  const { records } = decodeStream(await Deno.readFile(file));
  const record = records.find(({ kind }) => kind === "connection");
  assert(record?.kind === "connection");
  assertEquals(record.input, write.slice(0, 20));
  assert(record.partialResponse > 0 && record.partialResponse === record.output.length);

  // What was in the first ring goes to the new host with the guest's memory.
  const inRing = HEADER_SIZE + 2_000 - first.length - record.output.length;
  await take(guest, inRing);
  const next = await introduce(server, client, 2);
  await xs(socket, "restore", file, "--into", "live", "--domain", "1:2");
  assertEquals(await take(next, record.output.length), toBytes("x".repeat(record.output.length)));
  const rest = write.slice(20);
  assertEquals(next.write(rest, 0, rest.length), rest.length);
  const reply = await take(next, HEADER_SIZE + 3);
  assertEquals([reply[0], reply[4]], [MessageType.WRITE, 8]);
  assertEquals(await client.readText("/local/domain/2/value"), "new");
});
