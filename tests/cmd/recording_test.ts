/** Recordings that are damaged, cut, endless or something else: one line that names the file and the place. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { encodeFrame, RECORDING_HEAD } from "../../lib/client/trace/recording.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { type Frame, FrameKind } from "../../lib/wire/stream_frame.ts";
import { joinBytes, toBytes } from "../../lib/wire/text.ts";
import { type FakeShell, fakeShell } from "../support/fake_shell.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";

const T = MessageType;

async function run(...args: string[]): Promise<{ status: number } & FakeShell["printed"]> {
  const shell = fakeShell(args, { exists: surroundings.exists });
  const status = await runApp(shell);
  return { status, ...shell.printed };
}

function frame(kind: number, body: Uint8Array, more: Partial<Frame> = {}): Frame {
  const at = 1_700_000_000_000.5;
  return { kind, flags: 0, number: 0, connection: 1, at, waitedUs: 0, tookUs: 5, body, ...more };
}

function json(object: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(object));
}

const CLIENT = { kind: "socket", domid: 0, label: "x", name: null, pid: 7, command: "/bin/xl" };

function client(fields: object): Frame {
  return frame(FrameKind.CONNECTION, json({ ...CLIENT, ...fields }));
}

function call(number: number, type: number, payload: string, reply: string, answer = type): Frame {
  const request = encodeMessage(type, number, 0, toBytes(payload));
  const body = joinBytes([request, encodeMessage(answer, number, 0, toBytes(reply))]);
  return frame(FrameKind.CALL, body, { number });
}

const EVENT = encodeMessage(T.WATCH_EVENT, 0, 0, toBytes("/a\0token\0"));

/** One of each kind of frames, and one of a kind that a later version may have. */
const FRAMES: readonly Frame[] = [
  frame(FrameKind.HELLO, json({ version: "1", pid: 3 })),
  client({}),
  frame(FrameKind.CONNECTION, json({ ...CLIENT, kind: "ring", domid: 5, name: "web" }), {
    connection: 2,
  }),
  call(1, T.WATCH, "/a\0token\0", "OK\0"),
  frame(FrameKind.EVENT, EVENT, { number: 2 }),
  call(2, T.WRITE, "/a\0value", "OK\0"),
  call(3, T.TRANSACTION_START, "\0", "9\0"),
  call(4, T.READ, "/none\0", "ENOENT\0", T.ERROR),
  call(5, T.DIRECTORY, "/\0", "a\0tool\0"),
  frame(200, toBytes("of later")),
  frame(FrameKind.LOST, new Uint8Array(0), { number: 12 }),
  frame(FrameKind.CLOSED, new Uint8Array(0)),
];

const GOOD = joinBytes([RECORDING_HEAD, ...FRAMES.map(encodeFrame)]);

Deno.test("xs trace FILE: each field of a frame is checked; the line names the file and the place", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  const message = encodeMessage(T.READ, 1, 0, toBytes("/a\0"));
  const callOf = (...parts: Uint8Array[]): Frame => frame(FrameKind.CALL, joinBytes(parts));
  const rows: readonly [problem: string, Frame][] = [
    ["unknown flags", { ...FRAMES[3]!, flags: 4 }],
    ["no time", { ...FRAMES[3]!, at: NaN }],
    ["no time", { ...FRAMES[3]!, at: -1 }],
    ["no time", { ...FRAMES[3]!, at: 1e300 }],
    ["no time", { ...FRAMES[10]!, at: Infinity }],
    ["no daemon", frame(FrameKind.HELLO, toBytes("{"))],
    ["no client", frame(FrameKind.CONNECTION, toBytes("null"))],
    ["no client", frame(FrameKind.CONNECTION, toBytes('{"label":"\xff"}'))],
    ["no client", client({ kind: "wire" })],
    ["no client", client({ domid: 1.5 })],
    ["no client", client({ pid: "7" })],
    ["no client", client({ label: null })],
    ["no client", client({ name: 1 })],
    ["no client", client({ command: [] })],
    ["a message that is cut", callOf()],
    ["a message that is cut", callOf(message)],
    ["a message that is cut", callOf(message, message.subarray(0, 17))],
    ["a request without its reply", callOf(message, EVENT)],
    ["a request without its reply", callOf(message, message, message)],
    ["a request without its reply", callOf(message, encodeMessage(T.READ, 2, 0, toBytes("")))],
    ["a message that is cut", frame(FrameKind.EVENT, EVENT.subarray(0, 20))],
    ["no event", frame(FrameKind.EVENT, message)],
    ["no event", frame(FrameKind.EVENT, joinBytes([EVENT, EVENT]))],
    ["bytes where there are none", frame(FrameKind.LOST, toBytes("x"))],
    ["bytes where there are none", frame(FrameKind.CLOSED, toBytes("x"))],
  ];
  for (const [problem, bad] of rows) {
    await Deno.writeFile(file, joinBytes([GOOD, encodeFrame(bad), encodeFrame(FRAMES[3]!)]));
    const { err, out, status } = await run("trace", file);
    const place =
      `it is damaged at byte ${GOOD.length} (${problem}); the recording is read up to there`;
    assertEquals([status, err], [1, `xs: trace ${file}: ${place}\n`]);
    assertMatch(out, /^\S+ xl\[7\] watch \/a token = OK\n/);
    assertMatch(out, / xl\[7\] write \/a "value" = OK\n\S+ xl\[7\] <- event \/a "token"\n/);
  }
  const reserved = encodeFrame(FRAMES[3]!);
  reserved[7] = 1;
  await Deno.writeFile(file, joinBytes([GOOD, reserved]));
  assertMatch((await run("trace", file)).err, /it is damaged at byte \d+ \(unknown flags\)/);
});

Deno.test("xs trace FILE, replay: a file that is not regular, or begins otherwise, is not read", async () => {
  await using scratch = await makeScratch();
  // With a hole that no memory has room for.
  const [other, endless] = [`${scratch.path}/other`, `${scratch.path}/endless`];
  await Deno.writeFile(other, toBytes("xs trace 2\n"));
  await Deno.writeFile(endless, GOOD);
  for (const file of [other, endless]) await Deno.truncate(file, 2 ** 36);
  const rows: readonly [file: string, says: RegExp][] = [
    ["/dev/null", /: it is no regular file \(name a recording\)\n$/],
    [scratch.path, /: it is a directory \(name a file\)\n$/],
    [`${scratch.path}/none`, /: no such file or directory \(name another file\)\n$/],
    [other, /: not a recording \(/],
    [endless, new RegExp(`: it is damaged at byte ${GOOD.length} \\(a frame of 0 bytes\\); `)],
  ];
  await using server = await EmbeddedServer.start();
  for (const [file, says] of rows) {
    for (const words of [["trace", file], ["replay", file, "--against", server.socketPath]]) {
      const { err, status } = await run(...words);
      assertMatch(err, says);
      assertEquals([status, err.startsWith(`xs: ${words[0]} ${file}: `)], [1, true]);
    }
  }
});

/** The recording with some of its bytes changed, and perhaps cut. */
function damaged(random: Random): Uint8Array {
  const bytes = GOOD.slice(0, random.percent(30) ? random.below(GOOD.length) : GOOD.length);
  for (let left = random.below(4); left > 0 && bytes.length > 0; left--) {
    const at = random.below(bytes.length);
    bytes[at] = random.percent(50) ? random.below(256) : bytes[at]! ^ 1 << random.below(8);
  }
  return bytes;
}

const LINE =
  /^(?:xs: )?(?:trace|replay) \S+: (?:not a recording \(.*|it is damaged at byte \d+ \(.*|it ends within the frame at byte \d+ \(\d+ bytes of it\).*)\n?$/;

Deno.test("xs trace FILE, replay: whatever is flipped or cut, at most one line, and no internal error", async () => {
  await using scratch = await makeScratch();
  await using server = await EmbeddedServer.start();
  const seed = testSeed(), random = new Random(seed);
  const file = `${scratch.path}/recording`, output = `${scratch.path}/output`;
  const ways: readonly string[][] = [
    ["trace", file, "-T"],
    ["trace", file, "--json"],
    ["trace", file, "-c", "--errors", "--path", "/**"],
    ["trace", file, "--pcapng", output],
    ["replay", file, "--against", server.socketPath],
    ["replay", file, "--against", server.socketPath, "--json"],
  ];
  let damages = 0;
  for (let round = 0; round < 120; round++) {
    await Deno.writeFile(file, damaged(random));
    for (const words of ways) {
      const { err, status } = await run(...words);
      const line = words.includes("--json") && err !== "" ? JSON.parse(err).message : err;
      const about = `XS_SEED=${seed}, round ${round}: ${words.join(" ")}: ${JSON.stringify(err)}`;
      if (err !== "") assertMatch(line, LINE, about);
      // A replay that finds differences has status 1, too.
      assert(status === 0 || status === 1 && (err !== "" || words[0] === "replay"), about);
      if (err !== "") damages++;
      await Deno.remove(output).catch(() => null);
    }
  }
  assert(damages > 0, `XS_SEED=${seed}`);
});
