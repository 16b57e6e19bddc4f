/** A client that comes back when its daemon does, and whose watches do. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Link, type ReconnectOptions } from "../../lib/client/link.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { ByteStream } from "../../lib/client/stream.ts";
import { RECONNECT_DELAY_MS_MAX, REQUEST_RETRIES_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { FakeStream } from "./fake_stream.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, XenstoreError)).code;
}

Deno.test("requests wait for the next daemon, and watches are set there again", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const news: string[] = [];
  const first = await EmbeddedServer.start({ socket });
  await using client = await Client.connect({
    socket,
    reconnect: {
      onLost: (error) => news.push(error.code),
      onReconnected: () => news.push("reconnected"),
    },
  });
  const all = await client.watch("/a", { values: true });
  const flat = await client.watch("/a", { depth: 0 });
  const left = await client.watch("/a");
  await left.unwatch();
  for (const watch of [all, flat]) assertEquals((await watch.next()).value!.path, "/a");
  await first.stop();
  const waiting = client.readText("/a/b");
  const event = all.next();
  await using _second = await EmbeddedServer.start({ socket });
  assertEquals(await codeOf(waiting), "ENOENT", "the next daemon answers");
  assertEquals(news, ["ECONNRESET", "reconnected"]);
  // The first event on the new connection says that anything may have changed meanwhile.
  assertEquals((await event).value, { path: "/a", token: "xs-1", value: null });
  assertEquals((await flat.next()).value!.path, "/a");
  await client.write("/a/b", "1");
  const value = new TextEncoder().encode("1");
  assertEquals((await all.next()).value, { path: "/a/b", token: "xs-1", value });
  await client.write("/a", "2");
  assertEquals((await flat.next()).value!.path, "/a", "its depth is kept");
});

Deno.test("a client that was not asked to reconnect does not", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const first = await EmbeddedServer.start({ socket });
  await using client = await Client.connect({ socket });
  const watch = await client.watch("/a");
  await watch.next();
  await first.stop();
  await using _second = await EmbeddedServer.start({ socket });
  assertEquals(await codeOf(client.read("/")), "ECONNRESET");
  assertEquals(await codeOf(watch.next()), "ECONNRESET");
});

Deno.test("a client that is closed while it reconnects ends what waits", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const server = await EmbeddedServer.start({ socket });
  const client = await Client.connect({ socket, reconnect: true });
  const watch = await client.watch("/a");
  await watch.next();
  await server.stop();
  const [read, next] = [codeOf(client.read("/")), watch.next()];
  client.close();
  assertEquals(await read, "ECONNRESET");
  assertEquals((await next).done, true);
  assertEquals(await codeOf(client.read("/")), "ECONNRESET");
});

Deno.test("a client with a number of attempts gives up after them", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const server = await EmbeddedServer.start({ socket });
  await using client = await Client.connect({ socket, reconnect: { attempts: 2 } });
  const watch = await client.watch("/a");
  await watch.next();
  await server.stop();
  const next = codeOf(watch.next());
  assertEquals(await codeOf(client.read("/")), "ENOENT");
  assertEquals(await next, "ENOENT", "the socket is gone");
  assertEquals(await codeOf(client.exists("/a")), "ENOENT", "not a missing node");
});

Deno.test("a request that waits for a connection is given up by its limits", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const server = await EmbeddedServer.start({ socket });
  await using client = await Client.connect({ socket, reconnect: true });
  await server.stop();
  await client.read("/", { timeout: 1 }).then(
    () => assert(false, "there is no daemon"),
    ({ code, message }) => {
      assertEquals(code, "ETIMEDOUT");
      assertStringIncludes(message, "there was no connection within 1ms");
    },
  );
  const control = new AbortController();
  const read = assertRejects(() => client.read("/", { signal: control.signal }));
  const reason = new Error("enough");
  control.abort(reason);
  assertEquals(await read, reason);
});

interface LinkRig {
  readonly link: Link;
  readonly clock: SimulatedClock;
  /** All streams, the first one included. */
  readonly streams: FakeStream[];
}

/** A link whose further streams come from `reopen`. */
function linkRig(
  reopen: (rig: LinkRig) => Promise<ByteStream>,
  options: ReconnectOptions = {},
): LinkRig {
  const clock = new SimulatedClock();
  const streams = [new FakeStream()];
  const open = (): Promise<ByteStream> => reopen(rig);
  const parts = { name: "/fake", clock, timeout: undefined, reopen: open, options };
  const rig = { link: new Link(streams[0]!, parts), clock, streams };
  return rig;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => void setImmediate(resolve));
}

Deno.test("attempts to reconnect come at once, then with pauses that grow up to a bound", async () => {
  const times: number[] = [];
  const { clock, link, streams } = linkRig(({ clock }) => {
    times.push(clock.now());
    return Promise.reject(new XenstoreError("ECONNREFUSED", "connect", "/fake"));
  });
  const begin = clock.now();
  streams[0]!.sendBytes(null);
  await settle();
  assertEquals(times, [begin], "the first attempt waits for nothing");
  for (let i = 0; i < 12; i++) {
    clock.advance(RECONNECT_DELAY_MS_MAX);
    await settle();
  }
  const pauses = times.slice(1).map((time, i) => time - times[i]!);
  assertEquals(pauses.length, 12);
  assert(pauses.every((pause) => pause <= RECONNECT_DELAY_MS_MAX), pauses.join());
  link.close();
  await settle();
  clock.advance(10 * RECONNECT_DELAY_MS_MAX);
  await settle();
  assertEquals([times.length, clock.waiting], [13, 0], "a closed link tries no more");
});

Deno.test("a connection that is lost while watches are set again is tried once more", async () => {
  let opened = 0;
  const { clock, link, streams } = linkRig(({ streams }) => {
    const fails = ++opened === 1;
    const stream = new FakeStream((stream, { reqId, type }) => {
      if (fails) stream.sendBytes(null);
      else stream.reply(type, reqId, toBytes("OK\0"));
    });
    streams.push(stream);
    return Promise.resolve(stream);
  });
  const moved: boolean[] = [];
  const ended: unknown[] = [];
  link.add({
    moveTo: async (session) => {
      await new Operations(session).watch("/a", "token").catch(() => {});
      moved.push(session.open);
    },
    end: (error) => void ended.push(error),
  });
  streams[0]!.sendBytes(null);
  await settle();
  clock.advance(RECONNECT_DELAY_MS_MAX);
  await settle();
  assertEquals([moved, ended, opened], [[false, true], [], 2]);
  assert((await link.session(undefined)).open);
  link.close();
});

Deno.test("a request that ends every connection is given up; one with an effect is not made again", async () => {
  await using scratch = await makeScratch();
  let asked = 0;
  const socket = `${scratch.path}/socket`;
  // A daemon that hangs up on every request.
  const listener = Deno.listen({ transport: "unix", path: socket });
  const serving = (async (): Promise<void> => {
    for await (const connection of listener) {
      const count = await connection.read(new Uint8Array(64)).catch(() => null);
      if (count !== null) asked++;
      connection.close();
    }
  })();
  const client = await Client.connect({ socket, reconnect: true });
  assertEquals(await codeOf(client.read("/")), "ECONNRESET");
  assertEquals(asked, 1 + REQUEST_RETRIES_MAX);
  const error = await assertRejects(() => client.rm("/a"), XenstoreError);
  assertEquals([error.code, error.uncertain, asked], ["ECONNRESET", true, 2 + REQUEST_RETRIES_MAX]);
  client.close();
  listener.close();
  await serving;
});
