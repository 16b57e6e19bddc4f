import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../lib/engine/engine.ts";
import { costMax } from "../../lib/engine/memory_model.ts";
import { recount } from "../../lib/engine/recount.ts";
import type { Transaction } from "../../lib/engine/transaction.ts";
import { visitAll } from "../../lib/store/lookup.ts";
import { type Node, versionBytes } from "../../lib/store/node.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { Client, newEngine, randomRequest } from "../support/engine_client.ts";

function nodesOf(root: Node): Set<Node> {
  const nodes = new Set<Node>();
  visitAll(root, 1, (node) => void nodes.add(node));
  return nodes;
}

function begin(client: Client): number {
  return Number.parseInt(client.ask(T.TRANSACTION_START, "\0").slice("TRANSACTION_START ".length));
}

/** What is in a transaction's snapshot and in the store no more, found by looking at every node. */
function pinnedBy({ base }: Transaction, root: Node): number {
  if (base === null) return 0;
  const present = nodesOf(root);
  let bytes = 0;
  for (const node of nodesOf(base)) if (!present.has(node)) bytes += versionBytes(node);
  return bytes;
}

function history(random: Random): number {
  const engine = newEngine();
  const { state } = engine;
  const clients = [0, 1, 2, 0].map((domid) => new Client(engine, domid));
  let most = 0;
  for (let step = 0; step < 150; step++) {
    const client = random.pick(clients);
    const open = [...client.connection.transactions.values()].map(({ id }) => id);
    if (open.length < 3 && random.chance(0.1)) begin(client);
    else if (open.length > 0 && random.chance(0.1)) {
      client.ask(T.TRANSACTION_END, random.chance(0.7) ? "T\0" : "F\0", random.pick(open));
    } else {
      const [type, payload] = randomRequest(random);
      const txId = open.length > 0 && random.chance(0.5) ? random.pick(open) : 0;
      client.ask(type, payload, txId);
    }
    for (const { transactions } of state.connections) {
      for (const transaction of transactions.values()) {
        const wanted = pinnedBy(transaction, state.tree.root);
        assertEquals(transaction.pinned, wanted, `step ${step}, transaction ${transaction.id}`);
        most = Math.max(most, wanted);
      }
    }
    checkCosts(engine);
  }
  return most;
}

/** What is charged equals what is there, and the sum is that of all domains. */
function checkCosts({ state }: Engine): void {
  const counted = recount(state);
  let sum = 0;
  for (const domid of state.accounts.domids()) {
    const account = state.accounts.of(domid);
    assertEquals(account.cost, counted.of(domid).cost, `domain ${domid}`);
    sum += account.cost;
  }
  assertEquals(state.accounts.cost, sum);
}

Deno.test("what open transactions keep of what others replaced is counted exactly", () => {
  withSeeds((random) => {
    let most = 0;
    for (let round = 0; round < 15; round++) most = Math.max(most, history(random));
    assert(most > 0);
  });
});

/** A guest with a transaction that has read one node, and 500 nodes with values of 2,000 bytes. */
function crowded(logged: string[] = []): { engine: Engine; dom0: Client; guest: Client } {
  const engine = newEngine(undefined, (_, text) => void logged.push(text));
  const dom0 = new Client(engine, 0), guest = new Client(engine, 1);
  dom0.ask(T.MKDIR, "/g\0");
  dom0.ask(T.SET_PERMS, "/g\0r0\0");
  rewrite(dom0, "v");
  return { engine, dom0, guest };
}

function rewrite(client: Client, letter: string): void {
  for (let i = 0; i < 500; i++) client.ask(T.WRITE, `/g/n${i}\0${letter.repeat(2000)}`);
}

Deno.test("a guest's open transactions keep no more than its quota allows", () => {
  const logged: string[] = [];
  const { dom0, engine, guest } = crowded(logged);
  const other = new Client(engine, 2);
  const innocent = begin(other);
  other.ask(T.READ, "/g\0", innocent);
  const { account } = guest.connection;
  const max = engine.state.domains.quotasOf(guest.connection).get("memory");
  // Each keeps a megabyte of values of its own.
  const ids = "abcdefghij".split("").map((letter) => {
    const id = begin(guest);
    assertEquals(guest.ask(T.READ, "/g\0", id), "READ ");
    rewrite(dom0, letter);
    assert(account!.cost <= max + 65_536, `${account!.cost}`);
    return id;
  });
  const { transactions } = guest.connection;
  const lost = ids.filter((id) => transactions.get(id)!.lost);
  assert(lost.length >= 7 && lost.length < 10, `${lost.length} given up`);
  assertEquals(lost.map((id) => transactions.get(id)!.base), lost.map(() => null));
  assert(logged.some((line) => line.includes("it kept")), logged.join("\n"));
  guest.ask(T.WRITE, "/b/c\0x", lost[0]!);
  assertEquals(guest.ask(T.TRANSACTION_END, "T\0", lost[0]!), "ERROR EAGAIN\0");
  // Another guest's transaction, which keeps one megabyte, goes on.
  assertEquals(other.connection.transactions.get(innocent)!.lost, false);
  assertEquals(other.ask(T.TRANSACTION_END, "T\0", innocent), "TRANSACTION_END OK\0");
  for (const id of ids) guest.ask(T.TRANSACTION_END, "F\0", id);
  assertEquals(account!.pinned, 0);
  checkCosts(engine);
});

Deno.test("a guest whose nodes take all of its quota may keep some old versions, too", () => {
  const { dom0, engine, guest } = crowded();
  const quotas = engine.state.domains.quotasOf(guest.connection), { account } = guest.connection;
  quotas.set("memory", 1_500_000);
  dom0.ask(T.MKDIR, "/own\0");
  dom0.ask(T.SET_PERMS, "/own\0n1\0");
  for (let i = 0; account!.cost <= quotas.get("memory"); i++) {
    assertEquals(guest.ask(T.WRITE, `/own/${i % 8}/${i}\0${"o".repeat(2000)}`), "WRITE OK\0");
  }
  assert(account!.cost < costMax(quotas));
  const id = begin(guest);
  guest.ask(T.READ, "/g\0", id);
  const { transactions } = guest.connection;
  for (let i = 0; i < 100; i++) dom0.ask(T.WRITE, `/g/n${i}\0w`);
  assert(account!.pinned > 200_000, `${account!.pinned}`);
  assertEquals(transactions.get(id)!.lost, false);
  for (let i = 100; i < 200; i++) dom0.ask(T.WRITE, `/g/n${i}\0w`);
  assertEquals(transactions.get(id)!.lost, true);
  assert(account!.pinned === 0);
});

Deno.test("what guests make and remove again while a transaction is open is not held against it", () => {
  const { dom0, engine, guest } = crowded();
  const id = begin(guest);
  guest.ask(T.READ, "/g\0", id);
  for (let i = 0; i < 200; i++) {
    for (let j = 0; j < 20; j++) dom0.ask(T.WRITE, `/new/n${j}\0${"v".repeat(2000)}`);
    dom0.ask(T.RM, "/new\0");
  }
  assertEquals(guest.connection.transactions.get(id)!.lost, false);
  assert(guest.connection.account!.pinned < 10_000, `${guest.connection.account!.pinned}`);
  checkCosts(engine);
});

Deno.test("beyond --memory the transaction that keeps most is given up, dom0's too", () => {
  const { dom0, engine } = crowded();
  const old = begin(dom0);
  dom0.ask(T.READ, "/g\0", old);
  engine.state.memory.max = engine.state.accounts.cost + 500_000;
  // Rewriting takes no more memory than there is, but for what the transaction keeps.
  rewrite(dom0, "w");
  assertEquals(dom0.connection.transactions.get(old)!.lost, true);
  assert(!engine.state.memory.exceeded(true, 0));
  assertEquals(dom0.ask(T.TRANSACTION_END, "T\0", old), "ERROR EAGAIN\0");
});
