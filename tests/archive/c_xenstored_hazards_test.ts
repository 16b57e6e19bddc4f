/** What C xenstored would stumble over is found before it is given to it. */
import { assertEquals } from "@std/assert";
import { snapshot } from "../../lib/persist/snapshot.ts";
import { findHazards, forC } from "../../lib/codec/c_xenstored_hazards.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { Hypervisor, Life } from "../support/lives.ts";
import { makeScratch } from "../support/scratch.ts";

function recordsOf(life: Life, isForC: boolean): StateRecord[] {
  const { records } = snapshot(life.state);
  return [...isForC ? forC(records) : records];
}

Deno.test("hazards for C xenstored: what can be left out is, what can't is told", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  hypervisor.create(0);
  const life = new Life(hypervisor, `${scratch.path}/store`);
  for (const domid of [1, 2]) hypervisor.create(domid);
  life.ask(0, MessageType.INTRODUCE, "1\x001\x005\0");
  assertEquals(findHazards(recordsOf(life, false)), []);
  // Domain 2 is under construction: an entry names it, and then it owns nodes.
  life.ask(0, MessageType.WRITE, "/a\0x");
  life.ask(0, MessageType.SET_PERMS, "/a\0n0\0r2\0");
  const id = Number(life.ask(1, MessageType.TRANSACTION_START, "\0")!.split(" ")[1]!.slice(0, -1));
  life.ask(1, MessageType.READ, "/a\0", id);
  assertEquals(findHazards(recordsOf(life, false)), [
    'domain 2 was never introduced: C xenstored ends with "referenced domain not found"',
    "1 open transaction with nodes: C xenstored takes those for committed ones",
  ]);
  assertEquals(findHazards(recordsOf(life, true)), []);
  for (let i = 0; i < 5; i++) {
    life.ask(0, MessageType.WRITE, `/b${i}\0x`);
    life.ask(0, MessageType.SET_PERMS, `/b${i}\0n2\0`);
  }
  assertEquals(findHazards(recordsOf(life, true)), [
    "domain 2, which was never introduced, owns /b0, /b1, /b2 and 2 more nodes: " +
    'C xenstored ends with "write node error restoring node"',
  ]);
  assertEquals(findHazards(recordsOf(life, true).filter(({ kind }) => kind !== "node")), [
    "the root node is there 0 times: C xenstored wants it once",
  ]);
  life.close();
});
