/** The quota node-size holds for the tree that a commit leaves, not within one transaction only. */
import { assert, assertEquals } from "@std/assert";
import { lookup } from "../../lib/store/lookup.ts";
import { nodeSize } from "../../lib/store/node.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

const DIR = "/a/b";
const OK = "TRANSACTION_END OK\0", AGAIN = "ERROR EAGAIN\0";

class Guest extends Client {
  begin(): number {
    return parseInt(this.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  }

  end(id: number): string {
    return this.ask(T.TRANSACTION_END, "T\0", id);
  }

  size(): number {
    return nodeSize(lookup(this.engine.state.tree.root, DIR)!);
  }
}

/** Makes nodes of names of 19 bytes, some 1,800 bytes of them. */
function fill(guest: Guest, round: number, txId: number): string {
  let reply = "";
  for (let i = 0; i < 90; i++) {
    reply = guest.ask(T.MKDIR, `${DIR}/round-${round}-of-names-${100 + i}\0`, txId);
  }
  return reply;
}

Deno.test("node-size: parallel transactions can't make a directory larger than one can", () => {
  const guest = new Guest(newEngine(), 1);
  const ids = Array.from({ length: 10 }, () => guest.begin());
  ids.forEach((id, round) => assertEquals(fill(guest, round, id), "MKDIR OK\0"));
  const ends = ids.map((id) => guest.end(id));
  assertEquals(ends, [OK, ...ids.slice(1).map(() => AGAIN)]);
  assert(guest.size() <= 2_048);
  assert(guest.ask(T.DIRECTORY, `${DIR}\0`).startsWith("DIRECTORY round-0"));
  // Tried again, the request that does not fit any more says so.
  const again = guest.begin();
  assertEquals(fill(guest, 1, again), "ERROR ENOSPC\0");
});

Deno.test("node-size: a value and names of others together are bounded, too", () => {
  const engine = newEngine();
  const guest = new Guest(engine, 1);
  const id = guest.begin();
  assertEquals(guest.ask(T.WRITE, `${DIR}\0${"v".repeat(1_500)}`, id), "WRITE OK\0");
  fill(guest, 0, 0);
  const before = guest.size();
  assertEquals(guest.end(id), AGAIN);
  assertEquals(guest.size(), before);
});

Deno.test("node-size: transactions that share a parent with room for both are not refused", () => {
  const guest = new Guest(newEngine(), 1);
  const [first, second] = [guest.begin(), guest.begin()];
  guest.ask(T.MKDIR, `${DIR}/first\0`, first);
  guest.ask(T.MKDIR, `${DIR}/second\0`, second);
  assertEquals([guest.end(first!), guest.end(second!)], [OK, OK]);
  // Nor is one whose node the privileged have made larger than the quota, if it makes it no larger.
  const third = guest.begin();
  guest.ask(T.RM, `${DIR}/first\0`, third);
  guest.ask(T.WRITE, `${DIR}/second\0v`, third);
  new Guest(guest.engine, 0).ask(T.WRITE, `${DIR}\0${"v".repeat(3_000)}`);
  assertEquals(guest.end(third), OK);
  assertEquals(guest.ask(T.DIRECTORY, `${DIR}\0`), "DIRECTORY second\0");
});

Deno.test("node-size: binds no privileged client", () => {
  const dom0 = new Guest(newEngine(), 0);
  const ids = Array.from({ length: 10 }, () => dom0.begin());
  ids.forEach((id, round) => fill(dom0, round, id));
  assertEquals(new Set(ids.map((id) => dom0.end(id))), new Set([OK]));
  assert(dom0.size() > 10_000);
});
