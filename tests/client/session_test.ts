import { type Clock, systemClock } from "../../lib/clock.ts";
import { LATE_READ_MS } from "../../lib/limits.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { deviceStream, openStream } from "../../lib/client/stream.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { FakeStream, type Request } from "./fake_stream.ts";

const { DIRECTORY, DIRECTORY_PART, ERROR, READ, WATCH_EVENT, WRITE } = MessageType;

function start(
  answer?: (stream: FakeStream, request: Request) => void,
): { stream: FakeStream; session: Session; nodes: Operations } {
  const stream = new FakeStream(answer);
  const session = new Session(stream, "/fake");
  return { stream, session, nodes: new Operations(session) };
}

/** The error that a promise ends in. */
async function errorOf(promise: Promise<unknown>): Promise<XenstoreError> {
  return await assertRejects(() => promise, XenstoreError);
}

Deno.test("replies are matched in order, however they are cut", async () => {
  for (const chunk of [1, 3, 16, 17, 100, Infinity]) {
    const { stream, session, nodes } = start((stream, { reqId, payload }) =>
      stream.reply(READ, reqId, payload.slice(0, -1))
    );
    stream.chunk = chunk;
    const paths = Array.from({ length: 20 }, (_, i) => `/${"p".repeat(i)}`);
    const values = await Promise.all(paths.map((path) => nodes.read(path)));
    assertEquals(values.map((value) => toText(value)), paths);
    session.close();
  }
});

Deno.test("the next requests do not wait for the first one's reply", async () => {
  const { stream, session, nodes } = start();
  const reads = [nodes.read("/a"), nodes.read("/b"), nodes.read("/c")];
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(stream.requests.length, 3);
  for (const { reqId, payload } of stream.requests) stream.reply(READ, reqId, payload);
  assertEquals((await Promise.all(reads)).map((value) => toText(value)), ["/a\0", "/b\0", "/c\0"]);
  session.close();
});

Deno.test("an ERROR reply rejects with its name, the operation and the path", async () => {
  const names = ["EACCES", "EQUOTA", "EPERM"];
  const { session, nodes } = start((stream, { reqId }) =>
    stream.reply(ERROR, reqId, joinStrings(names.shift()!))
  );
  const denied = await errorOf(nodes.read("/secret"));
  assertEquals([denied.code, denied.operation, denied.path], ["EACCES", "read", "/secret"]);
  assertEquals(denied.message, "read /secret: permission denied (EACCES)");
  assertEquals((await errorOf(nodes.rm("/a"))).code, "EINVAL");
  assertEquals((await errorOf(nodes.rm("/a"))).code, "EPERM");
  session.close();
});

Deno.test("a request of more than 4096 bytes is not sent", async () => {
  const { stream, session, nodes } = start((stream, { reqId }) =>
    stream.reply(WRITE, reqId, joinStrings("OK"))
  );
  const path = "/a";
  await nodes.write(path, new Uint8Array(4096 - 3));
  const error = await errorOf(nodes.write(path, new Uint8Array(4096 - 2)));
  assertEquals([error.code, error.operation, error.path], ["E2BIG", "write", path]);
  assertEquals(stream.requests.length, 1);
  session.close();
});

const nonsense: [
  what: string,
  send: (stream: FakeStream, request: Request) => void,
  text: string,
][] = [
  ["another type", (stream, { reqId }) => stream.reply(WRITE, reqId, toBytes("x")), "WRITE"],
  [
    "another request id",
    (stream, { reqId }) => stream.reply(READ, reqId + 1, toBytes("x")),
    "READ",
  ],
  ["half an event", (stream) => stream.reply(WATCH_EVENT, 0, joinStrings("/a")), "lacks a string"],
  ["an endless reply", (stream) => stream.sendBytes(new Uint8Array(16).fill(255)), "4294967295"],
  ["a hang-up", (stream) => stream.sendBytes(null), "closed the connection"],
  ["a hang-up in a reply", (stream, { reqId }) => {
    stream.sendBytes(new Uint8Array([2, 0, 0, 0, reqId, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]));
    stream.sendBytes(null);
  }, "closed the connection"],
];

Deno.test("after nonsense or a hang-up everything pending is rejected, and all that follows", async () => {
  for (const [what, send, text] of nonsense) {
    const { stream, nodes } = start((stream, request) => {
      if (stream.requests.length === 1) send(stream, request);
    });
    const [first, second] = await Promise.all([
      errorOf(nodes.read("/first")),
      errorOf(nodes.read("/second")),
    ]);
    for (const error of [first, second, await errorOf(nodes.read("/third"))]) {
      assertEquals(error.code, "ECONNRESET", what);
      assertStringIncludes(error.message, text);
    }
    assertEquals([first.path, second.path], ["/first", "/second"]);
    assertEquals(stream.closed, true, what);
  }
});

Deno.test("a reply that nobody asked for ends the session", async () => {
  const { stream, nodes } = start();
  stream.reply(READ, 1, toBytes("x"));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals((await errorOf(nodes.read("/a"))).code, "ECONNRESET");
});

Deno.test("closing rejects what is pending", async () => {
  const { session, nodes } = start();
  const pending = errorOf(nodes.read("/a"));
  session.close();
  session.close();
  assertEquals((await pending).code, "ECONNRESET");
});

Deno.test("a listing in parts starts again when the node changed between them", async () => {
  const parts = ["1\0aa\0bb\0", "2\0cc\0", "2\0aa\0bb\0", "2\0cc\0dd\0\0"];
  const offsets: string[] = [];
  const { session, nodes } = start((stream, { type, reqId, payload }) => {
    if (type === DIRECTORY) return stream.reply(ERROR, reqId, joinStrings("E2BIG"));
    offsets.push(toText(payload).split("\0")[1]!);
    stream.reply(DIRECTORY_PART, reqId, toBytes(parts.shift()!));
  });
  assertEquals(await nodes.directory("/big"), ["aa", "bb", "cc", "dd"]);
  assertEquals(offsets, ["0", "6", "0", "6"]);
  session.close();
});

Deno.test("an empty listing in parts, and one that ends on its own", async () => {
  const parts = ["1\0\0", "1\0a\0", "1\0\0"];
  const { session, nodes } = start((stream, { type, reqId }) => {
    if (type === DIRECTORY) return stream.reply(ERROR, reqId, joinStrings("E2BIG"));
    stream.reply(DIRECTORY_PART, reqId, toBytes(parts.shift()!));
  });
  assertEquals(await nodes.directory("/empty"), []);
  assertEquals(await nodes.directory("/one"), ["a"]);
  session.close();
});

Deno.test("a daemon that lists neither at once nor in parts: E2BIG", async () => {
  const { session, nodes } = start((stream, { type, reqId }) =>
    stream.reply(ERROR, reqId, joinStrings(type === DIRECTORY ? "E2BIG" : "ENOSYS"))
  );
  assertEquals((await errorOf(nodes.directory("/big"))).code, "E2BIG");
  session.close();
});

Deno.test("a guest's device gets one message a write", async () => {
  const writes: Uint8Array[] = [];
  const answers = new FakeStream();
  const file = {
    read: (into: Uint8Array): Promise<number | null> => answers.read(into),
    writeSync: (bytes: Uint8Array): number => {
      writes.push(bytes.slice());
      return bytes.length;
    },
    close: (): void => answers.close(),
  };
  const session = new Session(deviceStream(file), "/dev/fake");
  const nodes = new Operations(session);
  const reads = Promise.all([nodes.read("/a"), nodes.read("/bb"), nodes.read("/ccc")]);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(writes.map((bytes) => toText(bytes.subarray(16))), ["/a\0", "/bb\0", "/ccc\0"]);
  for (const bytes of writes) answers.sendBytes(bytes);
  assertEquals((await reads).map((value) => toText(value)), ["/a\0", "/bb\0", "/ccc\0"]);
  session.close();
});

const HARMLESS_CONTROL = [
  ["status"],
  ["status", "domains", "3"],
  ["who", "/a"],
  ["errors", "data"],
  ["ring", "7"],
  ["domains", "7"],
  ["quota"],
  ["quota", "7"],
  ["quota", "max"],
  ["quota-soft"],
  ["history", "query", "1", "{}"],
  ["history", "read", "1"],
  ["history", "end", "1"],
];

const HARMFUL_CONTROL = [
  ["quota", "set", "nodes", "5"],
  ["quota", "max", "-r"],
  ["quota-soft", "set", "nodes", "5"],
  ["history", "purge", "/a"],
  ["history"],
  ["whole"],
  ["logfile", "/status"],
];

Deno.test("a daemon that says nothing any more: requests end, and changes are told to be uncertain", async () => {
  const stream = new FakeStream((stream, { type, reqId }) => {
    if (type === MessageType.TRANSACTION_START) stream.reply(type, reqId, joinStrings("7"));
  });
  const session = new Session(stream, "/fake", { timeout: 20 });
  const nodes = new Operations(session);
  const inside = await nodes.begin();
  const errors = await Promise.all([
    errorOf(nodes.read("/a")),
    errorOf(nodes.write("/a", toBytes("1"))),
    errorOf(inside.write("/a", toBytes("1"))),
    errorOf(nodes.setPerms("/a", ["n0"])),
    errorOf(inside.end(true)),
    ...HARMLESS_CONTROL.map((words) =>
      errorOf(nodes.ask(MessageType.CONTROL, "control", ...words))
    ),
    ...HARMFUL_CONTROL.map((words) => errorOf(nodes.ask(MessageType.CONTROL, "control", ...words))),
    errorOf(inside.end(false)),
  ]);
  const late = "the daemon did not answer within 20ms";
  const uncertain = `${late}; the change may still take effect`;
  assertEquals(
    errors.map(({ detail }) => detail),
    [
      ...[late, uncertain, late, uncertain, uncertain],
      ...HARMLESS_CONTROL.map(() => late),
      ...HARMFUL_CONTROL.map(() => uncertain),
      late,
    ],
  );
  assertEquals(new Set(errors.map(({ code }) => code)), new Set(["ETIMEDOUT"]));
  assertEquals((await errorOf(nodes.read("/b"))).message, `read /b: ${late} (ETIMEDOUT)`);
  assertEquals(stream.closed, true);
});

Deno.test("whatever the daemon sends counts as a sign of life; an idle session never expires", async () => {
  const clock = new SimulatedClock();
  // What the session does behind a timer or a reply.
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const stream = new FakeStream();
  const session = new Session(stream, "/fake", { timeout: 20, clock });
  const nodes = new Operations(session);
  const reading = nodes.read("/a");
  clock.advance(19);
  stream.reply(WATCH_EVENT, 0, joinStrings("/a", "token"));
  await settle();
  clock.advance(19);
  assertEquals(session.open, true);
  stream.reply(READ, stream.requests[0]!.reqId, toBytes("x"));
  assertEquals(toText(await reading), "x");
  clock.advance(1_000);
  assertEquals([session.open, clock.waiting], [true, 0]);
  const late = errorOf(nodes.read("/b"));
  clock.advance(20);
  assertEquals((await late).code, "ETIMEDOUT");
});

Deno.test("a lost connection is told once, in the same words for every way to lose it", async () => {
  const reset = Object.assign(new Error("Connection reset by peer (os error 104)"), {
    code: "ECONNRESET",
  });
  const stream = new FakeStream();
  stream.read = () => Promise.reject(reset);
  const session = new Session(stream, "/fake");
  const error = await errorOf(new Operations(session).read("/a"));
  assertEquals(error.message, "read /a: the daemon closed the connection (ECONNRESET)");
  session.close();
});

Deno.test("a device that never answers is given up like a socket", async () => {
  const path = "/dev/xen/xenbus";
  const asked: string[] = [];
  const opened = await openStream(path, {
    stat: () => Promise.resolve({ isSocket: false, isCharDevice: true, isDirectory: false }),
    connect: () => Promise.reject(new Error("no socket")),
    open: (name) => {
      asked.push(name);
      return Promise.resolve({
        read: () => new Promise<number | null>(() => {}),
        writeSync: (bytes) => bytes.length,
        close: () => void asked.push("closed"),
      });
    },
  });
  const session = new Session(opened, path, { timeout: 10 });
  assertEquals((await errorOf(new Operations(session).rm("/a"))).code, "ETIMEDOUT");
  assertEquals(asked, [path, "closed"]);
});

Deno.test("a client that was late to look, as its own output was full, takes what has come meanwhile", async () => {
  const clock = new SimulatedClock(), timeout = 20, late = 45;
  const lateClock: Clock = {
    ...systemClock,
    now: clock.now,
    alarm: (ms, action) => clock.alarm(ms + late, action),
  };
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const stream = new FakeStream();
  const session = new Session(stream, "/fake", { timeout, clock: lateClock });
  const nodes = new Operations(session);
  // As often as it is late.
  for (let i = 0; i < 3; i++) {
    const reading = nodes.read("/a");
    clock.advance(timeout + late);
    stream.reply(READ, stream.requests.at(-1)!.reqId, toBytes("x"));
    await settle();
    assertEquals(toText(await reading), "x");
    clock.advance(1_000);
  }
  const unanswered = errorOf(nodes.read("/b"));
  clock.advance(timeout + late);
  assertEquals(session.open, true);
  clock.advance(LATE_READ_MS + late);
  assertEquals((await unanswered).detail, "the daemon did not answer within 20ms");
});
