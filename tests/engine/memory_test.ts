import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "./clients.ts";

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
