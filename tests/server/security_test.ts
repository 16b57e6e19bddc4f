/** Advisories of the past whose lesson is outside of the engine, each with its number. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { Epoll, EPOLLIN } from "../../ffi/epoll.ts";
import { closeFd, listenUnix } from "../../ffi/unix_socket.ts";
import { connectUnix } from "../support/unix_socket.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { ACCEPTS_PER_TURN_MAX, OUTPUT_STALL_BYTES } from "../../lib/limits.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Sockets } from "../../lib/server/peer/sockets.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { HEADER_SIZE, PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestJournal, TestTurns } from "../support/test_turns.ts";

Deno.test("XSA-416: a client that reads no replies makes the daemon keep no more of them", () => {
  const test = new TestTurns();
  const client = test.connect(), large = "v".repeat(PAYLOAD_MAX);
  let peak = 0, sent = 0;
  for (let i = 0; i < 500; i++) {
    if (client.send(T.READ, i, large)) sent++;
    test.turn();
    peak = Math.max(peak, client.peer.unsent);
  }
  const largest = HEADER_SIZE + PAYLOAD_MAX;
  assert(peak <= OUTPUT_STALL_BYTES + largest, `${peak} bytes`);
  assert(peak > OUTPUT_STALL_BYTES, `${peak} bytes only: it was never stalled`);
  const handled = test.handled.length;
  test.turn(100);
  assertEquals(test.handled.length, handled);
  // All of it is answered once it reads.
  const replies: number[] = [];
  for (let i = 0; i < 10 * sent; i++) {
    replies.push(...client.receive().map(({ reqId }) => reqId));
    test.turn();
  }
  assertEquals(replies.length, sent);
});

Deno.test("XSA-416: a request is not kept by its reply: others' requests take its place", () => {
  const test = new TestTurns();
  const [first, second] = [test.connect(), test.connect()];
  test.onRequest = ({ outbox }, { type, reqId }, payload) => outbox.reply(type, reqId, 0, payload);
  first.send(T.READ, 1, "of the first");
  second.send(T.READ, 2, "of the other");
  test.turn();
  assertEquals(first.receive().map(({ text }) => text), ["of the first"]);
  assertEquals(second.receive().map(({ text }) => text), ["of the other"]);
});

Deno.test("a storm of connections is accepted a turn's share at a time", async () => {
  await using scratch = await makeScratch();
  const listener = listenUnix(`${scratch.path}/socket`, 128), epoll = new Epoll(16);
  const engine = new Engine({
    domains: { info: () => null, open: () => 5, reset: () => {}, close: () => {} },
  });
  const turns = new Turns(engine, new TestJournal(), new Trace(), SILENT);
  const sockets = new Sockets(listener, epoll, turns, engine, 0, SILENT, systemClock);
  const storm = 2 * ACCEPTS_PER_TURN_MAX + 5;
  const clients = Array.from({ length: storm }, () => connectUnix(`${scratch.path}/socket`));
  const accepted: number[] = [];
  for (let i = 0; i < 4; i++) {
    sockets.event(listener, EPOLLIN);
    sockets.eventsDone();
    accepted.push(engine.state.connections.size);
  }
  const most = ACCEPTS_PER_TURN_MAX;
  assertEquals(accepted, [most, 2 * most, storm, storm]);
  sockets.close();
  for (const fd of [...clients, listener]) closeFd(fd);
  epoll.close();
});
