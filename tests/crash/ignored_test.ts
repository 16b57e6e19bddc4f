import { assertEquals } from "@std/assert";
import { ERROR, ERROR_PROTOCOL, REQ_CONS, RSP_PROD } from "../../lib/transport/ring_page.ts";
import { encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { MemoryLives } from "./memory_lives.ts";

Deno.test("a ring that is ignored stays so in the next life, until it is introduced again", async () => {
  await using scratch = await makeScratch();
  const lives = new MemoryLives(scratch.path);
  const introduce = (): string => lives.connect().ask(MessageType.INTRODUCE, "1\x001\x001\0");
  lives.domains.create(1);
  assertEquals(introduce(), "INTRODUCE OK\0");
  const ring = lives.domains.guest(1);
  const read = encodeMessage(MessageType.READ, 1, 0, toBytes("/tool\0")).slice();
  const tooLong = read.slice(0, HEADER_SIZE);
  tooLong.fill(0xff, 12);
  ring.write(tooLong, 0, tooLong.length);
  for (let turn = 0; turn < 3; turn++) lives.turn();
  assertEquals(ring.page.load(ERROR), ERROR_PROTOCOL);
  for (let life = 0; life < 2; life++) {
    lives.reincarnate();
    const taken = ring.page.load(REQ_CONS), written = ring.page.load(RSP_PROD);
    ring.write(read, 0, read.length);
    for (let turn = 0; turn < 3; turn++) lives.turn();
    assertEquals([ring.page.load(REQ_CONS), ring.page.load(RSP_PROD)], [taken, written]);
  }
  assertEquals(introduce(), "INTRODUCE OK\0");
  ring.write(read, 0, read.length);
  for (let turn = 0; turn < 3; turn++) lives.turn();
  // The node is not for it.
  assertEquals(ring.page.load(RSP_PROD), HEADER_SIZE + "EACCES\0".length);
  lives.end();
});
