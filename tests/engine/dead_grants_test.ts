/** A transaction grants nothing to the next holder of a dead domain's domid (XSA-322, XSA-417). */
import { assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, treeOf } from "../support/engine_client.ts";

/** An engine whose domains die and are born again, as the test says. */
class House {
  readonly #alive = new Map<number, bigint>();
  #births = 0n;
  readonly engine: Engine;
  readonly dom0: Client;

  constructor() {
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null => {
      const uniqueId = domid === 0 ? 0n : this.#alive.get(domid);
      return uniqueId === undefined ? null : { domid, state: 1, uniqueId };
    };
    this.engine = new Engine({
      domains: { info, open: () => 8, reset: () => {}, close: () => {} },
    });
    this.dom0 = new Client(this.engine, 0);
    this.dom0.ask(T.WRITE, "/secret\0key");
    this.dom0.ask(T.WRITE, "/other\0x");
  }

  /** A domain that is known, owns nothing and is named nowhere. */
  beget(domid: number): void {
    this.#alive.set(domid, ++this.#births);
    this.engine.state.domains.know(domid);
  }

  /** The domain dies; the daemon hears of it. */
  kill(domid: number): void {
    this.#alive.delete(domid);
    this.engine.domainsChanged();
  }

  ask(type: number, payload: string, txId = 0): string {
    return this.dom0.ask(type, payload, txId);
  }

  begin(): number {
    return Number(this.ask(T.TRANSACTION_START, "\0").slice("TRANSACTION_START ".length, -1));
  }

  end(txId: number): string {
    return this.ask(T.TRANSACTION_END, "T\0", txId);
  }

  /** What a client of the domid's present holder is told of a node. */
  reads(domid: number, path: string): string {
    return new Client(this.engine, domid).ask(T.READ, `${path}\0`);
  }
}

const AGAIN = "ERROR EAGAIN\0", DONE = "TRANSACTION_END OK\0", DENIED = "ERROR EACCES\0";

type Steps = (house: House, txId: number) => void;

/** What the transaction did before domain 1 died, and on which node that grants something. */
const GRANTS: readonly [what: string, path: string, steps: Steps][] = [
  ["a letter for the domain", "/secret", (house, tx) => {
    house.ask(T.SET_PERMS, "/secret\0n0\0r1\0", tx);
  }],
  ["ownership", "/secret", (house, tx) => {
    house.ask(T.SET_PERMS, "/secret\0n1\0", tx);
  }],
  ["a grant between other writes", "/secret", (house, tx) => {
    house.ask(T.READ, "/other\0", tx);
    house.ask(T.WRITE, "/other\0y", tx);
    house.ask(T.SET_PERMS, "/secret\0n0\0n2\0b1\0", tx);
    house.ask(T.WRITE, "/more/of/it\0z", tx);
  }],
  ["a node that inherits what the transaction granted", "/room/key", (house, tx) => {
    house.ask(T.MKDIR, "/room\0", tx);
    house.ask(T.SET_PERMS, "/room\0n0\0r1\0", tx);
    house.ask(T.WRITE, "/room/key\0key", tx);
    house.ask(T.SET_PERMS, "/room\0n0\0", tx);
  }],
  ["a node below those, made on the way", "/room/a/b", (house, tx) => {
    house.ask(T.MKDIR, "/room\0", tx);
    house.ask(T.SET_PERMS, "/room\0n0\0r1\0", tx);
    house.ask(T.WRITE, "/room/a/b\0key", tx);
    house.ask(T.SET_PERMS, "/room\0n0\0", tx);
    house.ask(T.SET_PERMS, "/room/a\0n0\0", tx);
  }],
];

for (const [what, path, steps] of GRANTS) {
  for (const reused of [false, true]) {
    const when = reused ? "after its domid was given anew" : "before its domid is given anew";
    Deno.test(`dead grants: ${what}, committed ${when}`, () => {
      const house = new House();
      house.beget(1);
      house.beget(2);
      const tx = house.begin();
      steps(house, tx);
      const before = treeOf(house.engine);
      const { root } = house.engine.state.tree;
      house.kill(1);
      assertEquals(house.engine.state.tree.root, root, "the death changed the tree");
      if (reused) house.beget(1);
      assertEquals(house.end(tx), AGAIN);
      if (!reused) house.beget(1);
      assertEquals(treeOf(house.engine), before);
      assertEquals(house.reads(1, path), DENIED);
    });
  }
}

Deno.test("dead grants: a node that inherits what the committed tree grants", () => {
  for (const reused of [false, true]) {
    const house = new House();
    house.beget(1);
    house.ask(T.MKDIR, "/room\0");
    house.ask(T.SET_PERMS, "/room\0n0\0r1\0");
    const tx = house.begin();
    house.ask(T.WRITE, "/room/a/key\0key", tx);
    house.kill(1);
    if (reused) house.beget(1);
    assertEquals(house.end(tx), AGAIN);
  }
});

Deno.test("dead grants: the next try commits, and grants the old holder's name nothing", () => {
  const house = new House();
  house.beget(1);
  const tx = house.begin();
  house.ask(T.SET_PERMS, "/secret\0n0\0r1\0", tx);
  house.kill(1);
  assertEquals(house.end(tx), AGAIN);
  const again = house.begin();
  house.ask(T.SET_PERMS, "/secret\0n0\0r1\0", again);
  house.beget(1);
  assertEquals(house.end(again), DONE);
  assertEquals(house.reads(1, "/secret"), DENIED);
});

Deno.test("dead grants: what names nobody who died is committed", () => {
  const house = new House();
  house.beget(1);
  house.beget(2);
  const tx = house.begin();
  house.ask(T.WRITE, "/other\0y", tx);
  house.ask(T.SET_PERMS, "/secret\0n0\0r2\0", tx);
  house.kill(1);
  // Its domid is free: an entry that names it is stale from the start, and harms nobody.
  house.ask(T.SET_PERMS, "/other\0n0\0r1\0", tx);
  assertEquals(house.end(tx), DONE);
  house.beget(1);
  assertEquals(house.reads(1, "/other"), DENIED);
  assertEquals(house.reads(2, "/secret"), "READ key");
});

Deno.test("dead grants: a transaction without permissions of its own outlives a death", () => {
  const house = new House();
  house.beget(1);
  const tx = house.begin();
  house.ask(T.WRITE, "/other\0y", tx);
  house.kill(1);
  assertEquals(house.end(tx), DONE);
  assertEquals(house.ask(T.READ, "/other\0"), "READ y");
});
