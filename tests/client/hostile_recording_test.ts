/** What is kept of a recording, or of a stream, is bounded, whatever frames it has. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Session } from "../../lib/client/session.ts";
import { TraceDecoder, type TracedEvent, type TraceEntry } from "../../lib/client/trace/entries.ts";
import { PcapngEncoder } from "../../lib/client/trace/pcapng.ts";
import { Replay, TooManyClients } from "../../lib/client/trace/replay.ts";
import { TraceSummary } from "../../lib/client/trace/summary.ts";
import {
  AUTHOR_TEXT_MAX,
  REPLAY_CLIENTS_MAX,
  REPLAY_EVENTS_MAX,
  REPLAY_TRANSACTIONS_MAX,
  STREAM_QUEUE_BYTES,
  TRACE_CLIENT_BYTES_MAX,
  TRACE_CLIENTS_MAX,
  TRACE_KINDS_MAX,
} from "../../lib/limits.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { type Frame, FRAME_HEADER_BYTES, FrameKind } from "../../lib/wire/stream_frame.ts";
import { joinBytes, toBytes, toText } from "../../lib/wire/text.ts";

const T = MessageType;

function frame(kind: number, body: Uint8Array, more: Partial<Frame> = {}): Frame {
  return { kind, flags: 0, number: 0, connection: 1, at: 1, waitedUs: 0, tookUs: 0, body, ...more };
}

function event(token: string, more: Partial<Frame>): Frame {
  return frame(
    FrameKind.EVENT,
    encodeMessage(T.WATCH_EVENT, 0, 0, toBytes(`/a\0${token}\0`)),
    more,
  );
}

function call(type: number, payload: string, reply: string, connection = 1): Frame {
  const message = (text: string): Uint8Array => encodeMessage(type, 1, 0, toBytes(text));
  const body = joinBytes([message(payload), message(reply)]);
  return frame(FrameKind.CALL, body, { number: 1, connection });
}

function client(connection: number, text: string): Frame {
  const fields = { kind: "socket", domid: 0, label: text, name: null, pid: null, command: text };
  const body = new TextEncoder().encode(JSON.stringify(fields));
  return frame(FrameKind.CONNECTION, body, { connection });
}

Deno.test("a trace of events whose calls never come holds no more of them than a daemon queues", () => {
  const decoder = new TraceDecoder(), shown: TraceEntry[] = [];
  const count = 100_000, bytes = FRAME_HEADER_BYTES + event("00000", {}).body.length;
  assert(count * bytes > 3 * STREAM_QUEUE_BYTES);
  for (let i = 0; i < count; i++) {
    const token = `${i}`.padStart(5, "0");
    for (const entry of decoder.add([event(token, { number: 1 + i })])) shown.push(entry);
    const held = (i + 1 - shown.length) * bytes;
    assert(held <= STREAM_QUEUE_BYTES, `${held} bytes are held`);
  }
  for (const entry of decoder.rest()) shown.push(entry);
  const tokens = shown.map((entry) => toText((entry as TracedEvent).message.payload, 3, 8));
  assertEquals(tokens, Array.from({ length: count }, (_, i) => `${i}`.padStart(5, "0")));
});

Deno.test("a trace remembers the newest clients, with texts no longer than a daemon's", () => {
  const decoder = new TraceDecoder();
  const last = TRACE_CLIENTS_MAX + 1;
  for (let i = 1; i <= last; i++) decoder.add([client(i, "x".repeat(1_000))]);
  const labelOf = (connection: number): string => {
    const [entry] = decoder.add([event("t", { connection })]);
    return (entry as TracedEvent).client.label;
  };
  assertEquals(labelOf(1), "unknown client");
  assertEquals([labelOf(2), labelOf(last)], Array(2).fill("x".repeat(AUTHOR_TEXT_MAX)));
});

Deno.test("xs trace -c counts kinds beyond what there can be together", () => {
  const decoder = new TraceDecoder(), summary = new TraceSummary(), count = 1_000;
  for (let type = 0; type < count; type++) {
    for (const entry of decoder.add([call(1_000 + type, "", "")])) summary.add(entry);
  }
  const { kinds } = summary;
  assertEquals(kinds.length, TRACE_KINDS_MAX + 1);
  assertEquals(kinds.reduce((sum, { calls }) => sum + calls, 0), count);
});

Deno.test("a pcapng file has a client's words only where they are no longer than a daemon's", () => {
  const encoder = new PcapngEncoder();
  const packet = (text: string): number =>
    encoder.add([client(1, text), call(T.READ, "/a\0", "1")]).length;
  assert(packet("x".repeat(100)) >= packet("") + 200);
  assert(packet("x".repeat(TRACE_CLIENT_BYTES_MAX)) < packet(""));
});

/** A daemon that answers each request, and how many of which type it got. */
class FakeDaemon {
  readonly requests = new Map<number, number>();
  sessions = 0;

  readonly open = (): Promise<Session> => {
    this.sessions++;
    const session = {
      open: true,
      listen: () => {},
      close: () => {},
      request: (type: number): Promise<Uint8Array> => {
        const count = (this.requests.get(type) ?? 0) + 1;
        this.requests.set(type, count);
        return Promise.resolve(toBytes(`${count}\0`));
      },
    };
    return Promise.resolve(session as unknown as Session);
  };
}

Deno.test("xs replay: clients, transactions and events of a recording are bounded", async () => {
  const daemon = new FakeDaemon();
  let told = 0, together = 0;
  const replay = new Replay(daemon.open, (difference) => {
    told++;
    if (difference.kind === "events" && difference.path === "(others)") {
      together += difference.recorded;
    }
  });
  const decoder = new TraceDecoder();
  for (let i = 0; i < REPLAY_TRANSACTIONS_MAX + 5; i++) {
    await replay.add(decoder.add([call(T.TRANSACTION_START, "\0", `${1 + i}\0`)]));
  }
  assertEquals(daemon.requests.get(T.TRANSACTION_START), REPLAY_TRANSACTIONS_MAX);
  assertEquals(replay.result.notSent.get("transaction_start"), 5);
  for (let i = 0; i < REPLAY_EVENTS_MAX + 5; i++) {
    await replay.add(decoder.add([event(`${i}`, {})]));
  }
  await replay.add(decoder.add([frame(FrameKind.CLOSED, new Uint8Array(0))]));
  assertEquals([told, together], [REPLAY_EVENTS_MAX + 1, 5]);
  for (let i = 0; i < REPLAY_CLIENTS_MAX; i++) {
    await replay.add(decoder.add([call(T.DIRECTORY, "/\0", "", 10 + i)]));
  }
  const sessions = daemon.sessions;
  const more = decoder.add([call(T.DIRECTORY, "/\0", "", 9)]);
  await assertRejects(() => replay.add(more), TooManyClients, "clients at once");
  assertEquals(daemon.sessions, sessions);
});
