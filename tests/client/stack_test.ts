/** An error's stack shows the line that called the client. */
import { assert, assertMatch, assertRejects } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { tree } from "../../lib/client/tree.ts";
import { wait } from "../../lib/client/wait.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";

type Call = (client: Client) => Promise<unknown>;

async function callsRead(client: Client): Promise<unknown> {
  return await client.read("/gone");
}

async function callsWatch(client: Client): Promise<unknown> {
  return await client.watch("/bad.path");
}

async function callsTransaction(client: Client): Promise<unknown> {
  return await client.transaction(callsWithin);
}

async function callsWithin(tx: Pick<Client, "readText">): Promise<unknown> {
  return await tx.readText("/gone");
}

async function callsControl(client: Client): Promise<unknown> {
  return await client.control("bogus");
}

async function callsRelease(client: Client): Promise<unknown> {
  return await client.release(77);
}

async function callsWait(client: Client): Promise<unknown> {
  return await wait(client, "/bad.path");
}

async function callsTreeInALoop(client: Client): Promise<unknown> {
  for await (const { path } of tree(client, "/gone")) return path;
  return null;
}

async function callsExists(client: Client): Promise<unknown> {
  return await client.exists("/bad.path");
}

async function callsPending(client: Client): Promise<unknown> {
  const [first] = await Promise.all([client.read("/gone"), client.read("/")]);
  return first;
}

const CALLS: readonly Call[] = [
  callsRead,
  callsWatch,
  callsTransaction,
  callsControl,
  callsRelease,
  callsWait,
  callsTreeInALoop,
  callsExists,
  callsPending,
];

Deno.test("an error's stack has the function that called the client", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  for (const call of CALLS) {
    const { message, stack } = await assertRejects(() => call(client), XenstoreError);
    assertMatch(stack!, new RegExp(`\\b${call.name}\\b.*stack_test\\.ts:\\d+`), stack);
    assert(stack!.startsWith(`XenstoreError: ${message}\n`), stack);
    assert(!/session\.ts/.test(stack!), `the stack of what received the reply: ${stack}`);
  }
  const { stack } = await assertRejects(() => callsTransaction(client), XenstoreError);
  assertMatch(stack!, /\bcallsWithin\b/, "and the line of the transaction's body");
});

async function connectsToNone(): Promise<Client> {
  return await Client.connect({ socket: "/nonexistent/socket" });
}

Deno.test("so has an error of connecting, and of a watch that waits", async () => {
  const { stack } = await assertRejects(connectsToNone, XenstoreError);
  assertMatch(stack!, /\bconnectsToNone\b.*stack_test\.ts:\d+/, stack);
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  const watch = await client.watch("/a");
  await watch.next();
  const waitsForEvent = async (): Promise<unknown> => await watch.next({ timeout: 0 });
  const late = await assertRejects(waitsForEvent, XenstoreError);
  assertMatch(late.stack!, /\bwaitsForEvent\b.*stack_test\.ts:\d+/, late.stack);
});
