/** Clients of all manners on one true socket: none of them may delay or harm another. */
import { assertEquals } from "@std/assert";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { encodeHeader, encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";

/** Asks ten things of the server and checks the answers. */
async function checkServed(client: RawClient): Promise<void> {
  for (let i = 0; i < 10; i++) {
    assertEquals(await client.ask(T.WRITE, `/check\0${i}`), "OK\0");
    assertEquals(await client.ask(T.READ, "/check\0"), `${i}`);
  }
}

Deno.test("Half a header, half a payload, or nothing at all delays nobody", async () => {
  await using server = await EmbeddedServer.start();
  await using good = await RawClient.connect(server.socketPath);
  const request = encodeMessage(T.READ, 1, 0, toBytes("/tool\0"));
  for (const length of [0, 1, 8, 15, 16, 20]) {
    await using slow = await RawClient.connect(server.socketPath);
    await slow.sendBytes(request.subarray(0, length));
    await checkServed(good);
    await slow.sendBytes(request.subarray(length));
    assertEquals((await slow.next())!.text, "");
  }
});

Deno.test("A client that never reads delays nobody, and is served when it does", async () => {
  await using server = await EmbeddedServer.start();
  await using good = await RawClient.connect(server.socketPath);
  await using lazy = await RawClient.connect(server.socketPath);
  assertEquals(await good.ask(T.WRITE, `/big\0${"x".repeat(4000)}`), "OK\0");
  const total = 2000;
  const request = encodeMessage(T.READ, 1, 0, toBytes("/big\0"));
  const requests = new Uint8Array(request.length * total);
  for (let i = 0; i < total; i++) requests.set(request, i * request.length);
  const sending = lazy.sendBytes(requests);
  await checkServed(good);
  for (let i = 0; i < total; i++) assertEquals((await lazy.next())!.text.length, 4000);
  await sending;
  await checkServed(good);
});

Deno.test("A length over 4096 hangs up on that client alone", async () => {
  await using server = await EmbeddedServer.start();
  await using good = await RawClient.connect(server.socketPath);
  for (const length of [4097, 0x7fffffff, 0xffffffff]) {
    await using bad = await RawClient.connect(server.socketPath);
    const header = new Uint8Array(16);
    encodeHeader(header, 0, T.READ, 1, 0, length);
    await bad.sendBytes(header);
    assertEquals(await bad.next(), null);
    await checkServed(good);
  }
});

Deno.test("A client that ends its sending still gets all its answers, then the end", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  for (let i = 0; i < 500; i++) await client.send(T.GET_DOMAIN_PATH, i, `${i}\0`);
  await client.endSending();
  for (let i = 0; i < 500; i++) {
    assertEquals((await client.next())!.text, `/local/domain/${i}\0`);
  }
  assertEquals(await client.next(), null);
});

Deno.test("Clients that come and go leave nothing behind", async () => {
  await using server = await EmbeddedServer.start();
  await using good = await RawClient.connect(server.socketPath);
  const openBefore = [...Deno.readDirSync("/proc/self/fd")].length;
  for (let i = 0; i < 100; i++) {
    const client = await RawClient.connect(server.socketPath);
    if (i % 2 === 0) await client.ask(T.WATCH, "/check\0token\0");
    if (i % 3 === 0) await client.sendBytes(new Uint8Array(10));
    client.close();
  }
  await checkServed(good);
  await checkServed(good);
  await until("the descriptors of before", () => {
    const openAfter = [...Deno.readDirSync("/proc/self/fd")].length;
    return openAfter <= openBefore + 1;
  });
});

Deno.test("Watch events reach a client that does nothing but wait", async () => {
  await using server = await EmbeddedServer.start();
  await using writer = await RawClient.connect(server.socketPath);
  await using watcher = await RawClient.connect(server.socketPath);
  assertEquals(await watcher.ask(T.WATCH, "/w\0token\0"), "OK\0");
  assertEquals((await watcher.next())!.text, "/w\0token\0");
  for (let i = 0; i < 20; i++) {
    assertEquals(await writer.ask(T.WRITE, `/w/${i}\0x`), "OK\0");
    assertEquals((await watcher.next())!.text, `/w/${i}\0token\0`);
  }
});

Deno.test("Domains and rings of an embedded server are reached through its socket", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  server.domains.create(3);
  const guest = server.domains.guest(3);
  assertEquals(await client.ask(T.INTRODUCE, "3\x001\x005\0"), "OK\0");
  await client.ask(T.WATCH, "@releaseDomain\0token\0");
  assertEquals((await client.next())!.text, "@releaseDomain\0token\0");
  const request = encodeMessage(T.GET_DOMAIN_PATH, 1, 0, toBytes("3\0")).slice();
  guest.write(request, 0, request.length);
  const reply = new Uint8Array(64);
  await until("an answer on the ring", () => guest.read(reply, 0, 64) > 0);
  assertEquals(reply[0], T.GET_DOMAIN_PATH);
  server.domains.die(3);
  assertEquals((await client.next())!.text, "@releaseDomain\0token\0");
});
