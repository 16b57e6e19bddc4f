import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../lib/engine/engine.ts";
import { costMax } from "../../lib/engine/memory_model.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

Deno.test("permissions that name domids which nobody has leave no accounts", () => {
  const engine = newEngine();
  const { accounts } = engine.state;
  const client = new Client(engine, 0);
  const before = accounts.domids().length, named = accounts.mentioned();
  for (let domid = 100; domid < 2_100; domid++) {
    assertEquals(client.ask(T.SET_PERMS, `/a\0b0\0r${domid}\0`), "SET_PERMS OK\0");
    assertEquals(accounts.mentionsOf(domid), 1);
  }
  assertEquals(accounts.domids().length, before);
  client.ask(T.SET_PERMS, "/a\0b0\0");
  assertEquals(accounts.mentioned(), named);
});

Deno.test("a transaction that has touched all nodes it may remembers no more", () => {
  const engine = newEngine();
  const guest = new Client(engine, 1);
  const id = Number.parseInt(guest.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  const transaction = guest.connection.transactions.get(id)!;
  engine.state.domains.get(1)!.quotas.set("transaction-nodes", 20);
  for (const type of [T.READ, T.RM, T.MKDIR, T.GET_PERMS, T.DIRECTORY]) {
    for (let i = 0; i < 50; i++) guest.ask(type, `/a/${type}-${i}/below\0`, id);
  }
  assert(transaction.failed);
  assertEquals(transaction.touched.size, 20);
  assertEquals(guest.ask(T.TRANSACTION_END, "T\0", id), "ERROR ENOMEM\0");
});

/** An engine whose guest, domain 1, has a home of its own. */
function home(logged: string[] = []): { engine: Engine; dom0: Client; guest: Client } {
  const engine = newEngine(undefined, (_, text) => void logged.push(text));
  const dom0 = new Client(engine, 0), guest = new Client(engine, 1);
  dom0.ask(T.MKDIR, "/home\0");
  dom0.ask(T.SET_PERMS, "/home\0n1\0");
  return { engine, dom0, guest };
}

function costMaxOf({ state }: Engine, { connection }: Client): number {
  return costMax(state.domains.quotasOf(connection));
}

Deno.test("a guest that comes to all of C xenstored's default quotas meets no other bound", () => {
  const { engine, guest } = home();
  const { account } = guest.connection;
  const { quotas } = engine.state.domains;
  for (let i = 0; i < 960; i++) {
    const path = `/home/device${i >> 5}/node${i}`;
    assertEquals(guest.ask(T.WRITE, `${path}\0${"v".repeat(2_000)}`), "WRITE OK\0", path);
  }
  for (let i = 0; i < 128; i++) {
    const token = `${i}${"t".repeat(4_000)}`;
    assertEquals(guest.ask(T.WATCH, `/home/device/node${i}\0${token}\0`), "WATCH OK\0");
  }
  for (let i = 0; i < 9; i++) {
    const id = Number.parseInt(guest.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    assertEquals(guest.ask(T.READ, `/home/device0/node${i}\0`, id).slice(0, 6), "READ v");
  }
  assert(account!.now.memory > 0.94 * quotas.get("memory"), `${account!.now.memory}`);
  assert(account!.cost < costMaxOf(engine, guest), `${account!.cost}`);
});

Deno.test("a guest that costs more than its quota allows is refused with ENOMEM", () => {
  const { engine, guest } = home();
  const { quotas } = engine.state.domains.get(1)!;
  quotas.set("memory", 200_000);
  for (
    const name of ["watches", "nodes", "transactions", "transaction-nodes", "node-size"] as const
  ) {
    quotas.set(name, 0);
  }
  const max = costMaxOf(engine, guest);
  const { account } = guest.connection;
  const until = (what: string, ask: (i: number) => string): void => {
    const before = account!.cost;
    for (let i = 0; i < 5_000; i++) {
      const reply = ask(i);
      if (reply === "ERROR ENOMEM\0") {
        assert(account!.cost > max - 4_000 && account!.cost <= max, `${what}: ${account!.cost}`);
        guest.ask(T.RESET_WATCHES, "\0");
        guest.ask(T.RM, "/home/x\0");
        assertEquals(account!.cost, before, what);
        return;
      }
      assert(!reply.startsWith("ERROR"), `${what}: ${reply}`);
    }
    throw new Error(`${what}: never refused, costs ${account!.cost}`);
  };
  until("watches", (i) => guest.ask(T.WATCH, `/home/w${i}\0${i}\0`));
  until("nodes", (i) => guest.ask(T.MKDIR, `/home/x/n${i}\0`));
  until("transactions", () => guest.ask(T.TRANSACTION_START, "\0"));
  const begin = (): number => Number.parseInt(guest.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  let id = 0;
  const before = account!.cost;
  id = begin();
  const { failed } = guest.connection.transactions.get(id)!;
  assertEquals(failed, false);
  for (let i = 0; i < 5_000; i++) guest.ask(T.READ, `/home/x/${"y".repeat(200)}${i}\0`, id);
  assert(account!.cost <= max && account!.cost > max - 4_000, `${account!.cost}`);
  assertEquals(guest.ask(T.TRANSACTION_END, "T\0", id), "ERROR ENOMEM\0");
  assertEquals(account!.cost, before);
});

Deno.test("--memory: guests are refused with ENOSPC and a line, dom0 has a reserve", () => {
  const logged: string[] = [];
  const { dom0, engine, guest } = home(logged);
  for (const name of ["nodes", "node-size"] as const) {
    engine.state.domains.get(1)!.quotas.set(name, 0);
  }
  engine.state.memory.max = engine.state.accounts.cost + 800_000;
  let written = 0;
  while (guest.ask(T.WRITE, `/home/n${written}\0${"v".repeat(1000)}`) === "WRITE OK\0") written++;
  assert(written > 400 && written < 600, `${written}`);
  for (let i = 0; guest.ask(T.MKDIR, `/home/m${i}\0`) === "MKDIR OK\0"; i++);
  for (let i = 0; i < 50; i++) {
    assertEquals(guest.ask(T.MKDIR, "/home/more\0"), "ERROR ENOSPC\0");
    assertEquals(guest.ask(T.WATCH, `/home\0${i}\0`), "ERROR ENOSPC\0");
    assertEquals(guest.ask(T.TRANSACTION_START, "\0"), "ERROR ENOSPC\0");
  }
  assertEquals(logged.filter((line) => line.includes("--memory")).length, 1);
  // What takes no more is done as ever.
  assertEquals(guest.ask(T.READ, "/home/n0\0").slice(0, 6), "READ v");
  assertEquals(guest.ask(T.WRITE, `/home/n0\0${"w".repeat(1000)}`), "WRITE OK\0");
  // The toolstack goes on until the reserve is used up, too.
  let more = 0;
  while (dom0.ask(T.WRITE, `/dom0/n${more}\0${"v".repeat(1000)}`) === "WRITE OK\0") more++;
  assert(more > 50, `${more}`);
  assertEquals(dom0.ask(T.RM, "/dom0\0"), "RM OK\0");
  assertEquals(dom0.ask(T.WRITE, "/dom0\0v"), "WRITE OK\0");
  assertEquals(guest.ask(T.RM, "/home/n1\0"), "RM OK\0");
  assertEquals(guest.ask(T.WRITE, "/home/n1\0v"), "WRITE OK\0");
});
