/** `xs top` behind a stream that has lost messages: no row of a client that has ended stays. */
import { assertEquals } from "@std/assert";
import { Sampler } from "../../cmd/top/sampler.ts";
import { StreamTotals } from "../../cmd/top/stream_totals.ts";
import type { FrameStream } from "../../lib/client/frames.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { readList } from "../../lib/metrics/read_status.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { type Frame, FrameKind } from "../../lib/wire/stream_frame.ts";
import { joinBytes, toBytes } from "../../lib/wire/text.ts";

const NOTHING = new Uint8Array(0);
const CALL = joinBytes([T.READ, T.READ].map((type) => encodeMessage(type, 1, 0, toBytes("/a\0"))));

function frame(kind: FrameKind, connection: number, body: Uint8Array, number = 0): Frame {
  return { kind, connection, number, body, flags: 0, at: 1, waitedUs: 0, tookUs: 0 };
}

/** The frames of a call by a process that has no other connection. */
function callOf(connection: number): Frame[] {
  const who = { kind: "socket", domid: 0, label: "a", name: null, pid: connection, command: "a" };
  const body = toBytes(JSON.stringify(who));
  return [
    frame(FrameKind.CONNECTION, connection, body),
    frame(FrameKind.CALL, connection, CALL, 1),
  ];
}

/** A stream that gives these frames, then none until it is closed. */
function streamOf(frames: readonly Frame[]): FrameStream {
  const { promise, resolve } = Promise.withResolvers<null>();
  const all: (readonly Frame[])[] = [frames];
  const next = (): Promise<readonly Frame[] | null> => {
    const some = all.shift();
    return some === undefined ? promise : Promise.resolve(some);
  };
  return { next, close: () => resolve(null) } as unknown as FrameStream;
}

Deno.test("top: a client whose end the stream has lost goes, once it was shown", async () => {
  await using server = await EmbeddedServer.start();
  const { socketPath } = server;
  const nodes = new Operations(new Session(await openStream(socketPath), socketPath));
  const [own] = await readList(nodes, "clients"), gone = 7_777;
  const stream = streamOf([...callOf(own!.connection), ...callOf(gone)]);
  const sampler = new Sampler(nodes, () => Promise.resolve(stream));
  const pids = async (): Promise<string[]> => {
    const { rows } = await sampler.look("processes");
    return rows.map(({ key }) => key);
  };
  assertEquals((await pids()).includes(`pid ${gone}`), true);
  assertEquals((await pids()).includes(`pid ${gone}`), false);
  sampler.close();
  nodes.session.close();
});

Deno.test("top: only what was heard of before the daemon was asked is taken for ended", async () => {
  const totals = new StreamTotals();
  const stream = streamOf([...callOf(1), ...callOf(2), frame(FrameKind.LOST, 0, NOTHING, 5)]);
  const reading = totals.read(stream);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([...totals.connections()], [1, 2]);
  assertEquals(totals.mayHaveMissed, true);
  totals.forgetUnknown(new Set([1]), new Set());
  assertEquals(totals.mayHaveMissed, false);
  totals.forgetEnded();
  assertEquals([[...totals.connections()], [...totals.processes.keys()]], [[2], ["pid 2"]]);
  stream.close();
  await reading;
});

Deno.test("top: the end of clients that were lost is found by the paths as well", async () => {
  await using server = await EmbeddedServer.start();
  const { socketPath } = server;
  const nodes = new Operations(new Session(await openStream(socketPath), socketPath));
  let asked = 0;
  const control = nodes.control.bind(nodes);
  nodes.control = async (...words) => {
    if (words.includes("clients")) asked++;
    return await control(...words);
  };
  const stream = streamOf([...callOf(7_777), frame(FrameKind.LOST, 0, NOTHING, 5)]);
  const sampler = new Sampler(nodes, () => Promise.resolve(stream));
  await sampler.look("paths");
  const once = asked;
  await sampler.look("paths");
  assertEquals([once > 0, asked], [true, once]);
  sampler.close();
  nodes.session.close();
});
