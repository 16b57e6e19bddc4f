/** A guest that sends more than a turn handles, and a daemon that dies over it. */
import { assertEquals } from "@std/assert";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { MemoryLives } from "./memory_lives.ts";

/** More than one turn's share, and still less than a ring. */
const FIRST = 36;
const REST = 6;

Deno.test("requests behind a turn's share are found in the ring by the next life", async () => {
  await using scratch = await makeScratch();
  const lives = new MemoryLives(scratch.path);
  lives.domains.create(1);
  lives.connect().ask(MessageType.INTRODUCE, "1\x001\x001\0");
  const guest = lives.domains.guest(1);
  let sent = 0;
  const send = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const bytes = encodeMessage(MessageType.READ, ++sent, 0, toBytes("/tool\0")).slice();
      assertEquals(guest.write(bytes, 0, bytes.length), bytes.length);
    }
  };
  send(FIRST);
  lives.turn();
  // Nobody signals these to the next life.
  send(REST);
  lives.reincarnate();
  // All replies fit into the ring: a guest that reads none signals nothing.
  for (let turn = 0; turn < 50; turn++) lives.turn();
  const replies: number[] = [];
  const buffer = new Uint8Array(4096);
  const end = guest.read(buffer, 0, buffer.length);
  for (let at = 0; at < end;) {
    const { len, reqId } = decodeHeader(buffer, at, emptyHeader());
    replies.push(reqId);
    at += HEADER_SIZE + len;
  }
  assertEquals(replies, Array.from({ length: FIRST + REST }, (_, i) => i + 1));
  lives.end();
});

/** Many more than fit into a ring with their replies. */
const UNREAD = 80;

Deno.test("what a guest is owed, and a request in part, are in an image", async () => {
  await using scratch = await makeScratch();
  const lives = new MemoryLives(scratch.path);
  lives.domains.create(1);
  const client = lives.connect();
  client.ask(MessageType.INTRODUCE, "1\x001\x001\0");
  const guest = lives.domains.guest(1);
  const requests = Array.from(
    { length: UNREAD },
    (_, i) => encodeMessage(MessageType.READ, i + 1, 0, toBytes("/tool\0")).slice(),
  );
  const last = requests.at(-1)!;
  for (const request of requests) {
    const end = request === last ? HEADER_SIZE - 5 : request.length;
    assertEquals(guest.write(request, 0, end), end);
    lives.turn();
  }
  // Several times what makes an image due, and time for it.
  for (let i = 0; i < 60; i++) client.ask(MessageType.WRITE, `/node\0${"x".repeat(2000)}${i}`);
  for (let turn = 0; turn < 100; turn++) lives.turn();
  lives.reincarnate();
  guest.write(last, HEADER_SIZE - 5, last.length);
  const replies: number[] = [], buffer = new Uint8Array(65_536);
  let [at, end] = [0, 0];
  for (let turn = 0; turn < 500; turn++) {
    lives.turn();
    end += guest.read(buffer, end, buffer.length);
  }
  while (at < end) {
    const { len, reqId } = decodeHeader(buffer, at, emptyHeader());
    replies.push(reqId);
    at += HEADER_SIZE + len;
  }
  assertEquals(replies, requests.map((_, i) => i + 1));
  lives.end();
});
