/** What dead domains leave goes in slices, and never passes to the next holder of a domid. */
import { assert, assertEquals } from "@std/assert";
import { recount } from "../../lib/engine/recount.ts";
import { DOMAIN_DEAD, DOMAIN_EXISTS } from "../../lib/engine/domain_control.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { ERASE_UNITS_PER_TURN } from "../../lib/limits.ts";
import { snapshot } from "../../lib/persist/snapshot.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { isStale, permDomid } from "../../lib/store/perms.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, randomRequest, treeOf } from "../support/engine_client.ts";
import { Random, withSeeds } from "../support/random.ts";

/** Histories that once went wrong. */
const REMEMBERED = [785449390, 785467659];

/** An engine whose domains live and die as the test says. */
class House {
  readonly #alive = new Map<number, bigint>();
  /** Those that have died, and whose memory the hypervisor is yet to free. */
  readonly #ghosts = new Set<number>();
  #births = 0n;
  readonly engine: Engine;
  readonly dom0: Client;

  constructor(keepOrphans = false) {
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null => {
      const uniqueId = domid === 0 ? 0n : this.#alive.get(domid);
      const state = this.#ghosts.has(domid) ? DOMAIN_EXISTS | DOMAIN_DEAD : DOMAIN_EXISTS;
      return uniqueId === undefined ? null : { domid, state, uniqueId };
    };
    this.engine = new Engine({
      keepOrphans,
      domains: { info, open: () => 0, reset: () => {}, close: () => {} },
    });
    this.dom0 = new Client(this.engine, 0);
  }

  beget(...domids: number[]): void {
    for (const domid of domids) {
      this.#alive.set(domid, ++this.#births);
      assertEquals(this.dom0.ask(T.INTRODUCE, `${domid}\x001\x005\0`), "INTRODUCE OK\0");
    }
  }

  /** They die; the daemon hears of it, and does a first slice. */
  kill(...domids: number[]): void {
    for (const domid of domids) this.#alive.delete(domid);
    this.engine.domainsChanged();
  }

  /** One dies, and stays in the hypervisor's list; the daemon hears of it, and does a first slice. */
  haunt(domid: number): void {
    this.#ghosts.add(domid);
    this.engine.domainsChanged();
  }

  /** One dies, and not a slice is done yet. */
  beginRelease(domid: number): void {
    const { state } = this.engine;
    this.#alive.delete(domid);
    state.beginRelease(state.domains.get(domid)!);
  }

  /** Turns until nothing is left to do, and the most units that one took. */
  settle(): { turns: number; most: number; units: number } {
    const { meter } = this.engine.state;
    let turns = 0, most = 0, all = 0;
    for (; this.engine.due; turns++) {
      const before = meter.units;
      this.engine.tick(0);
      most = Math.max(most, meter.units - before);
      all += meter.units - before;
    }
    return { turns, most, units: all };
  }

  /** Makes nodes for dom0, a hundred to a directory. */
  fill(nodes: number): void {
    for (let i = 0; i < nodes; i++) this.dom0.ask(T.WRITE, `/big/${i % 100}/n${i}\0v`);
  }

  /** Paths at which the domid still counts. */
  namedAt(domid: number): string[] {
    return [...subtree(this.engine.state.tree.root)]
      .filter(([, { perms }]) =>
        perms.some((entry, i) => permDomid(entry) === domid && !(i > 0 && isStale(entry)))
      )
      .map(([path]) => path);
  }

  checkCounters(): void {
    const { state } = this.engine;
    const counted = recount(state);
    for (let domid = 0; domid < 4; domid++) {
      assertEquals(state.accounts.of(domid).now, counted.of(domid).now, `domain ${domid}`);
      assertEquals(state.accounts.mentionsOf(domid), counted.mentionsOf(domid));
    }
  }
}

const THIRTY = Array.from({ length: 30 }, (_, i) => i + 1);

Deno.test("erase: thirty deaths in a large store take one walk, in slices of bounded work", () => {
  const NODES = 20_000;
  const house = new House();
  house.beget(...THIRTY);
  house.fill(NODES);
  for (const domid of THIRTY) {
    // In three directories of its own each.
    for (const i of [0, 30, 60]) {
      const perms = i === 0 ? `n${domid}` : `n0\0r${domid}`;
      house.dom0.ask(T.SET_PERMS, `/big/${domid + i}/n${domid + i + 5_000}\0${perms}\0`);
    }
  }
  house.dom0.ask(T.WATCH, "@releaseDomain\0t\0");
  house.dom0.events.length = 0;
  house.kill(...THIRTY);
  const { most, turns, units } = house.settle();
  // One change more than the slice, at most.
  assert(most <= ERASE_UNITS_PER_TURN + 500, `${most} units in a turn`);
  assert(turns >= 5, `${turns} turns`);
  assert(units <= 20 * NODES + 90 * 500, `${units} units for ${NODES} nodes`);
  for (const domid of THIRTY) {
    assertEquals(house.namedAt(domid), []);
    // What it owned is gone; where it was only named the node stays.
    assertEquals(house.dom0.ask(T.READ, `/big/${domid}/n${domid + 5_000}\0`), "ERROR ENOENT\0");
    assertEquals(house.dom0.ask(T.READ, `/big/${domid + 30}/n${domid + 5_030}\0`), "READ v");
  }
  assertEquals(house.dom0.events.length, 30);
  house.checkCounters();
});

Deno.test("erase: the world hears of a death when nothing is left of the domain", () => {
  const house = new House();
  house.beget(1, 2);
  house.fill(10_000);
  house.dom0.ask(T.SET_PERMS, "/big/99/n9999\0n0\0r1\0");
  house.dom0.ask(T.WATCH, "@releaseDomain\0t\0");
  house.dom0.events.length = 0;
  house.kill(1, 2);
  // Nothing is left of domain 2 from the first.
  assertEquals(house.dom0.events.length, 1);
  assertEquals(house.dom0.ask(T.IS_DOMAIN_INTRODUCED, "1\0"), "IS_DOMAIN_INTRODUCED F\0");
  assertEquals(house.namedAt(1).length, 1);
  house.settle();
  assertEquals(house.dom0.events.length, 2);
  assertEquals(house.namedAt(1), []);
});

Deno.test("erase: a domid that has a new holder meanwhile has nothing of the old one's (XSA-322)", () => {
  const house = new House();
  house.beget(1);
  house.fill(10_000);
  for (const perms of ["n0\0r1", "n1"]) {
    house.dom0.ask(T.SET_PERMS, `/big/99/n9999\0${perms}\0`);
    house.kill(1);
    assert(house.engine.due);
    house.beget(1);
    assert(!house.engine.due);
    assertEquals(house.namedAt(1), []);
    const guest = new Client(house.engine, 1);
    const reply = guest.ask(T.READ, "/big/99/n9999\0");
    assertEquals(reply, "ERROR EACCES\0", perms);
    house.engine.disconnect(guest.connection);
    house.checkCounters();
  }
});

Deno.test("erase: what is made meanwhile inherits nothing that names the dying", () => {
  for (const keepOrphans of [false, true]) {
    const house = new House(keepOrphans);
    house.beget(1, 2);
    house.fill(10_000);
    house.dom0.ask(T.SET_PERMS, "/big/99\0n0\0r1\0");
    house.dom0.ask(T.SET_PERMS, "/big/98\0n1\0");
    const before = Number(house.dom0.ask(T.TRANSACTION_START, "\0").split(" ")[1]!.slice(0, -1));
    house.dom0.ask(T.WRITE, "/big/99/before/x\0v", before);
    house.kill(1);
    const within = Number(house.dom0.ask(T.TRANSACTION_START, "\0").split(" ")[1]!.slice(0, -1));
    house.dom0.ask(T.WRITE, "/big/99/within/x\0v", within);
    house.dom0.ask(T.SET_PERMS, "/big/99/n99\0n0\0r1\0", within);
    house.dom0.ask(T.WRITE, "/big/99/made/x\0v");
    house.dom0.ask(T.WRITE, "/big/98/made/x\0v");
    // It keeps what was made below it.
    house.dom0.ask(T.SET_PERMS, "/big/98\0n2\0");
    assertEquals(house.dom0.ask(T.TRANSACTION_END, "T\0", within), "TRANSACTION_END OK\0");
    assertEquals(house.dom0.ask(T.TRANSACTION_END, "T\0", before), "ERROR EAGAIN\0");
    house.settle();
    assertEquals(house.namedAt(1), []);
    assertEquals(house.dom0.ask(T.READ, "/big/99/within/x\0"), "READ v");
    assertEquals(house.dom0.ask(T.READ, "/big/98/made/x\0"), "READ v");
    house.checkCounters();
  }
});

Deno.test("erase: who takes the whole state finds no domain dying", () => {
  const house = new House();
  house.beget(1);
  house.fill(10_000);
  for (let i = 0; i < 100; i++) house.dom0.ask(T.SET_PERMS, `/big/${i}/n${i}\0n0\0r1\0`);
  house.beginRelease(1);
  for (const record of snapshot(house.engine.state).records) {
    if (record.kind !== "node") continue;
    assert(!record.perms.some((entry) => permDomid(entry) === 1), record.path);
  }
});

function runHistory(random: Random): void {
  const house = new House();
  house.beget(1, 2, 3);
  house.dom0.ask(T.SET_PERMS, "/\0b0\0");
  const dead = new Set<number>();
  const open = new Map<Client, number>();
  const clients = [house.dom0, new Client(house.engine, 0)];
  for (let step = 0; step < 200; step++) {
    const dice = random.next(), domid = 1 + random.below(3);
    if (dice < 0.04 && !dead.has(domid)) {
      dead.add(domid);
      house.beginRelease(domid);
    } else if (dice < 0.08 && dead.delete(domid)) house.beget(domid);
    else if (dice < 0.4) house.engine.state.erasures.step(1 + random.below(40));
    else {
      const client = random.pick(clients), id = open.get(client) ?? 0;
      const [type, payload] = randomRequest(random);
      client.ask(type, payload, id);
      if (!random.chance(0.2)) continue;
      if (id === 0) {
        open.set(client, parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!));
      } else {
        client.ask(T.TRANSACTION_END, "T\0", id);
        open.delete(client);
      }
    }
  }
  house.settle();
  for (const client of clients) {
    if (open.has(client)) client.ask(T.TRANSACTION_END, "T\0", open.get(client)!);
  }
  for (const domid of dead) assertEquals(house.namedAt(domid), [], treeOf(house.engine));
  house.checkCounters();
}

Deno.test("erase: histories that once went wrong leave nothing of the dead", () => {
  for (const seed of REMEMBERED) {
    const random = new Random(seed);
    for (let round = 0; round < 300; round++) runHistory(random);
  }
});

Deno.test("erase: any history leaves nothing of the dead, and the counters exact", () => {
  withSeeds((random) => {
    for (let round = 0; round < 300; round++) runHistory(random);
  });
});

Deno.test("erase: permissions for a dead domain that is still in the hypervisor's list do not bring it back", () => {
  const house = new House();
  house.beget(1, 2);
  house.fill(10_000);
  house.dom0.ask(T.SET_PERMS, "/big/99/n9999\0n0\0r1\0");
  house.dom0.ask(T.MKDIR, "/of-2\0");
  house.dom0.ask(T.SET_PERMS, "/of-2\0n2\0");
  house.haunt(1);
  const { meter } = house.engine.state;
  const before = meter.units;
  assertEquals(new Client(house.engine, 2).ask(T.SET_PERMS, "/of-2\0n2\0r1\0"), "SET_PERMS OK\0");
  // A guest can't have what is done in slices done at once.
  assert(meter.units - before < ERASE_UNITS_PER_TURN, `${meter.units - before} units`);
  assertEquals(house.engine.state.domains.get(1), undefined);
  house.settle();
  assertEquals(house.namedAt(1), []);
});
