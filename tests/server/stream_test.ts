/** The daemon's stream of messages: who gets which frames, what a slow reader loses, and what is hidden. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { FrameStream } from "../../lib/client/frames.ts";
import { openStream } from "../../lib/client/stream.ts";
import { type TracedCall, TraceDecoder, type TraceEntry } from "../../lib/client/trace/entries.ts";
import {
  STREAM_QUEUE_BYTES,
  STREAM_READERS_MAX,
  STREAM_ROOM_AGAIN_BYTES,
} from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { FrameQueue } from "../../lib/server/stream/frame_queue.ts";
import { StreamReader } from "../../lib/server/stream/stream_reader.ts";
import { TestTurns } from "../support/test_turns.ts";
import { MessageFilter } from "../../lib/server/stream/message_filter.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { joinStrings, splitStrings } from "../../lib/wire/payload.ts";
import { FrameDecoder } from "../../lib/wire/frame_decoder.ts";
import { FrameKind } from "../../lib/wire/stream_frame.ts";
import { toText } from "../../lib/wire/text.ts";
import { MemoryTransport } from "../support/memory_transport.ts";

const OPTIONS = { clock: systemClock, timeout: 20_000 };

async function open(server: EmbeddedServer, ...words: string[]): Promise<FrameStream> {
  const path = server.socketPath;
  return await FrameStream.open(await openStream(path), path, ["messages", ...words], OPTIONS);
}

/** The entries up to one that `isLast` is true of. */
async function entriesTo(
  stream: FrameStream,
  isLast: (entry: TraceEntry) => boolean,
): Promise<TraceEntry[]> {
  const decoder = new TraceDecoder();
  const entries: TraceEntry[] = [];
  while (!entries.some(isLast)) entries.push(...decoder.add((await stream.next()) ?? []));
  return entries;
}

function text(entry: TraceEntry): string {
  if (entry.kind === "lost" || entry.kind === "closed") return entry.kind;
  if (entry.kind === "event") return `event ${splitStrings(entry.message.payload).join(" ")}`;
  const { reply, request } = entry;
  return `${request.type} ${toText(request.payload)} = ${toText(reply.payload)}`
    .replaceAll("\0", ".");
}

const isAbout = (path: string) => (entry: TraceEntry): boolean =>
  entry.kind === "call" && splitStrings(entry.request.payload)[0] === path;

Deno.test("stream: requests with their replies, and behind them the events that they cause", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  const stream = await open(server);
  const watch = await client.watch("/a");
  await client.write("/a/b", "1");
  await assertRejects(() => client.read("/none"), XenstoreError);
  const entries = await entriesTo(stream, isAbout("/none"));
  stream.close();
  await watch.unwatch();
  assertEquals(entries.map(text), [
    `${T.WATCH} /a.xs-1. = OK.`,
    "event /a xs-1",
    `${T.WRITE} /a/b.1 = OK.`,
    "event /a/b xs-1",
    `${T.READ} /none. = ENOENT.`,
  ]);
  const [, , write, event] = entries;
  assert(write?.kind === "call" && event?.kind === "event");
  assertEquals(event.cause, write.number);
  assertEquals(write.client.pid, Deno.pid);
  assert(Math.abs(write.at - Date.now()) < 600_000);
});

Deno.test("stream: each reader gets what its conditions say, also beside others", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  const all = await open(server);
  const errors = await open(server, "errors");
  const below = await open(server, "path=/x/*/state", "op=write,event");
  await client.write("/x/1/state", "4");
  await client.write("/y", "1");
  await client.read("/x/1/state");
  await client.read("/none").catch(() => null);
  await client.write("/x/2/state", "5");
  await client.read("/none").catch(() => null);
  let ends = 0;
  const isEnd = (entry: TraceEntry): boolean => isAbout("/none")(entry) && ++ends === 2;
  assertEquals((await entriesTo(all, isEnd)).filter((entry) => entry.kind === "call").length, 8);
  ends = 0;
  assertEquals((await entriesTo(errors, isEnd)).map(text), [
    `${T.READ} /none. = ENOENT.`,
    `${T.READ} /none. = ENOENT.`,
  ]);
  assertEquals((await entriesTo(below, isAbout("/x/2/state"))).map(text), [
    `${T.WRITE} /x/1/state.4 = OK.`,
    `${T.WRITE} /x/2/state.5 = OK.`,
  ]);
  for (const stream of [all, errors, below]) stream.close();
});

Deno.test("stream: a reader that takes nothing loses frames, hears how many, and nobody waits", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  const stream = await open(server, "op=write,mkdir");
  const value = new Uint8Array(2_000);
  const count = 4 * STREAM_QUEUE_BYTES / value.length;
  for (let i = 0; i < count; i += 100) {
    await Promise.all(Array.from({ length: 100 }, () => client.write("/a", value)));
  }
  let calls = 0, lost = 0, written = Math.ceil(count / 100) * 100;
  const decoder = new TraceDecoder();
  while (calls + lost < written) {
    for (const entry of decoder.add((await stream.next()) ?? [])) {
      if (entry.kind === "call") calls++;
      if (entry.kind === "lost") lost += entry.count;
    }
  }
  assertEquals(calls + lost, written);
  assert(lost > 0, "nothing was lost");
  await client.mkdir("/end");
  const entries = await entriesTo(stream, isAbout("/end"));
  assertEquals(entries.map((entry) => entry.kind), ["call"]);
  stream.close();
  written = 0;
});

Deno.test("stream: a reader's loss is told once it has caught up, though nothing follows", () => {
  const queue = new FrameQueue();
  const frame = new Uint8Array(STREAM_QUEUE_BYTES);
  assert(queue.hasRoom(frame.length, 0));
  queue.add(frame, frame.length);
  for (let i = 0; i < 3; i++) assertEquals(queue.hasRoom(32, 0), false);
  const [near, far] = MemoryTransport.pair(2 * STREAM_QUEUE_BYTES);
  assert(queue.sendTo(near, 5));
  const received = new Uint8Array(2 * STREAM_QUEUE_BYTES);
  const got = far.read(received, 0, received.length);
  const [loss] = new FrameDecoder(1_000).add(received.slice(frame.length, got));
  assertEquals([loss?.kind, loss?.number, loss?.at], [FrameKind.LOST, 3, 5]);
});

Deno.test("stream: a loss is told where it was, before what comes next, and not before there is much room", () => {
  const queue = new FrameQueue();
  const old = new Uint8Array(STREAM_QUEUE_BYTES);
  assert(queue.hasRoom(old.length, 0));
  queue.add(old, old.length);
  for (let i = 0; i < 3; i++) assertEquals(queue.hasRoom(32, 0), false);
  const [near, far] = MemoryTransport.pair(STREAM_ROOM_AGAIN_BYTES);
  const received = new Uint8Array(STREAM_QUEUE_BYTES);
  assert(queue.sendTo(near, 0));
  assertEquals(far.read(received, 0, received.length), STREAM_ROOM_AGAIN_BYTES);
  // Room for the frame, but none for the next ones.
  assertEquals(queue.hasRoom(32, 0), false);
  assert(queue.sendTo(near, 0));
  let taken = STREAM_ROOM_AGAIN_BYTES + far.read(received, 0, received.length);
  assert(queue.hasRoom(32, 9));
  const next = new Uint8Array(32).fill(7);
  queue.add(next, next.length);
  const rest: number[] = [];
  while (queue.length > 0) {
    assert(queue.sendTo(near, 0));
    const count = far.read(received, 0, received.length);
    const fresh = received.subarray(Math.max(0, old.length - taken), count);
    if (taken + count > old.length) rest.push(...fresh);
    taken += count;
  }
  const [loss] = new FrameDecoder(1_000).add(Uint8Array.from(rest.slice(0, 32)));
  assertEquals([loss?.kind, loss?.number, loss?.at], [FrameKind.LOST, 4, 9]);
  assertEquals(rest.slice(32), [...next]);
});

Deno.test("stream: values of hidden paths and the bytes of dumps are hidden", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  const stream = await open(server);
  await client.write("/tool/password", "SECRET-1");
  await client.read("/tool/password");
  const job = (await client.control(["dump", "all"])).replace("job ", "");
  const ask = (...words: string[]): Promise<string> => client.control(["archive", job, ...words]);
  while (await ask("read") !== "");
  await client.control(["restore", "-n", "100"]);
  await client.control(["archive", "2", "put", "SECRET-2"]).catch(() => null);
  await client.read("/end").catch(() => null);
  const entries = await entriesTo(stream, isAbout("/end"));
  stream.close();
  const shown = entries.map(text).join("\n");
  assertEquals(shown.match(/SECRET/), null, shown);
  const calls = entries.filter((entry): entry is TracedCall => entry.kind === "call");
  assertEquals(text(calls[0]!), `${T.WRITE} /tool/password.******** = OK.`);
  assertEquals(calls.slice(0, 2).map((call) => [call.request.hidden, call.reply.hidden]), [
    [true, false],
    [false, true],
  ]);
  assert(calls.filter((call) => /archive.*read/s.test(toText(call.request.payload))).length > 1);
});

Deno.test("stream: what is asked for wrongly is refused, and the client stays one", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  const ask = (...words: string[]): Promise<string> => client.control(["stream", ...words]);
  assertEquals(await ask("weather"), "there is one stream: messages");
  assertEquals(await ask("messages", "op=paint"), "unknown kind of request 'paint'");
  assertEquals(await ask("messages", "colour=red"), "unknown condition");
  assertEquals(await ask("messages", "domain=x"), "invalid domid");
  assertEquals(await ask("messages", "path=a"), "a path's pattern begins with /");
  await client.write("/still", "there");
  const streams = [];
  for (let i = 0; i < STREAM_READERS_MAX; i++) streams.push(await open(server));
  const error = await assertRejects(() => open(server), XenstoreError);
  assertEquals([error.code, /read already/.test(error.message)], ["EBUSY", true]);
  for (const stream of streams) stream.close();
});

Deno.test("stream: of many who ask in one turn, those beyond the limit are told so, and none is ended", async () => {
  await using server = await EmbeddedServer.start();
  const path = server.socketPath;
  const gone = await openStream(path), words = ["messages"];
  const connected = [];
  for (let i = 0; i < STREAM_READERS_MAX + 4; i++) connected.push(await openStream(path));
  // One asks that is gone before it can read: it takes nobody's place for good.
  await gone.write(encodeMessage(T.CONTROL, 1, 0, joinStrings("stream", ...words)));
  gone.close();
  const results = await Promise.allSettled(
    connected.map((stream) => FrameStream.open(stream, path, words, OPTIONS)),
  );
  const readers = [], refused = [];
  for (const result of results) {
    if (result.status === "fulfilled") readers.push(result.value);
    else refused.push(result.reason);
  }
  assert(readers.length >= STREAM_READERS_MAX - 1 && readers.length <= STREAM_READERS_MAX);
  for (const error of refused) {
    assert(error instanceof XenstoreError);
    assertEquals([error.code, /read already/.test(error.message)], ["EBUSY", true], error.message);
  }
  for (let tries = 0; tries < 200 && readers.length < STREAM_READERS_MAX; tries++) {
    const more = await open(server).catch(() => null);
    if (more !== null) readers.push(more);
  }
  assertEquals(readers.length, STREAM_READERS_MAX);
  for (const stream of readers) stream.close();
});

Deno.test("stream: a reader that says something is ended, and so are all when the daemon is", async () => {
  const server = await EmbeddedServer.start();
  const talker = await Deno.connect({ transport: "unix", path: server.socketPath });
  const stream = await FrameStream.open(talker, "talker", ["messages"], OPTIONS);
  await stream.next();
  await talker.write(new Uint8Array(16));
  await assertRejects(() => stream.next(), XenstoreError, "the daemon has ended the stream");
  const other = await open(server);
  await other.next();
  await server.stop();
  await assertRejects(() => other.next(), XenstoreError, "the daemon has ended the stream");
  stream.close();
  other.close();
});

const CLIENTS = {
  xl: {
    kind: "socket",
    domid: 0,
    process: { author: { pid: 7, command: "/usr/sbin/xl create" } },
  },
  guest: { kind: "ring", domid: 5, process: null },
} as const;

const MATCHES: readonly [words: string[], client: keyof typeof CLIENTS, wanted: boolean][] = [
  [[], "xl", true],
  [["domain=5"], "xl", false],
  [["domain=5"], "guest", true],
  [["process=7"], "xl", true],
  [["process=70"], "xl", false],
  [["process=xl"], "xl", true],
  [["process=xl"], "guest", false],
];

Deno.test("message filter: clients by their domain, pid and command", () => {
  for (const [words, client, wanted] of MATCHES) {
    const filter = new MessageFilter();
    assertEquals(filter.parse(words), null);
    assertEquals(filter.wantsClient(CLIENTS[client]), wanted, `${words} ${client}`);
  }
});

Deno.test("message filter: messages by kind, path, error and duration", () => {
  const home = "/local/domain/5";
  const wants = (
    words: string[],
    type: number,
    payload: string,
    error = false,
    us = 10,
  ): boolean => {
    const filter = new MessageFilter();
    assertEquals(filter.parse(words), null);
    return filter.wantsCall(home, type, joinStrings(...payload.split(" ")), error, us);
  };
  assert(wants(["path=/local/domain/*/data"], T.WRITE, "data/x 1"), "relative, and below");
  assert(!wants(["path=/local/domain/6"], T.WRITE, "data/x 1"));
  assert(!wants(["path=/**"], T.TRANSACTION_START, ""), "without a path");
  assert(wants(["op=transaction-start,rm"], T.TRANSACTION_START, ""));
  assert(!wants(["op=rm"], T.WRITE, "/a 1"));
  assert(wants(["errors"], T.READ, "/a", true));
  assert(!wants(["errors"], T.READ, "/a"));
  assert(wants(["slower=10"], T.READ, "/a"));
  assert(!wants(["slower=11"], T.READ, "/a"));
  const events = new MessageFilter();
  events.parse(["op=write"]);
  assert(!events.wantsEvent(home, "/a"));
});

/** A reader of all messages of some turns, and the frames that it has got. */
function readerOf(turns: TestTurns): () => TraceEntry[] {
  const [near, far] = MemoryTransport.pair(1 << 20);
  turns.turns.stream.add(new StreamReader(near, new MessageFilter()), {});
  const decoder = new FrameDecoder(100_000), entries = new TraceDecoder();
  return () => {
    turns.turns.stream.send(Infinity);
    const bytes = new Uint8Array(1 << 20);
    const count = Math.max(0, far.read(bytes, 0, bytes.length));
    const frames = decoder.add(bytes.slice(0, count));
    return [...entries.add(frames), ...entries.rest()];
  };
}

Deno.test("stream: a request that has to wait is one call, with its wait; one answered later is there then", () => {
  const turns = new TestTurns();
  const take = readerOf(turns);
  const client = turns.connect();
  turns.holding = true;
  client.send(T.READ, 7, "/a\0");
  turns.settle();
  assertEquals(take(), []);
  turns.holding = false;
  turns.turns.tick();
  turns.settle();
  const [call, ...more] = take();
  assertEquals([call!.kind, text(call!), more], ["call", `${T.READ} /a. = /a.`, []]);
  const waiting: (() => void)[] = [];
  turns.onRequest = ({ outbox }, { reqId, txId, type }, payload) => {
    const copy = payload.slice();
    waiting.push(() => outbox.reply(type, reqId, txId, copy));
  };
  client.send(T.READ, 8, "/b\0");
  client.send(T.READ, 9, "/c\0");
  turns.settle();
  assertEquals(take(), []);
  for (const answer of waiting.reverse()) answer();
  turns.settle();
  assertEquals(take().map(text), [`${T.READ} /c. = /c.`, `${T.READ} /b. = /b.`]);
});

Deno.test("stream: when the last reader is gone, nothing is looked at any more", () => {
  const { stream } = new TestTurns().turns;
  const readers = [1, 2].map(() => {
    const [near, far] = MemoryTransport.pair(1_000);
    const reader = new StreamReader(near, new MessageFilter());
    stream.add(reader, {});
    return { reader, far };
  });
  for (const [i, { far, reader }] of readers.entries()) {
    assertEquals(stream.on, true);
    far.close();
    stream.look(reader, true);
    assertEquals([stream.on, stream.sendAt < Infinity], [i === 0, i === 0]);
  }
});
