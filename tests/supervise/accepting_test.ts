/** Connections that the supervisor has accepted and the daemon has not taken, when one of them dies. */
import { assert, assertEquals } from "@std/assert";
import { PASSED_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { pause, until } from "../support/patience.ts";
import { heldBy, isDead, Supervised } from "../support/supervised.ts";

/** The listening socket, and the counts. */
const OTHERS = 2;

/** A daemon that stands still, so that it takes nothing. */
async function stoppedDaemon(supervised: Supervised): Promise<number> {
  // It has begun to serve when it has answered.
  await using client = await RawClient.connect(supervised.path);
  assertEquals(await client.ask(T.WRITE, "/a\0x"), "OK\0");
  client.close();
  await until("nobody held", () => heldBy(supervised.server.pid) === OTHERS);
  const daemon = await until("a daemon", () => supervised.daemon);
  Deno.kill(daemon, "SIGSTOP");
  return daemon;
}

async function connectMany(path: string, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(path);
    await client.send(T.READ, i, "/a\0");
    clients.push(client);
  }
  return clients;
}

async function assertServed(clients: readonly RawClient[]): Promise<void> {
  for (const [i, client] of clients.entries()) {
    const reply = await client.next();
    assertEquals([reply?.reqId, reply?.text], [i, "x"]);
    client.close();
  }
}

Deno.test("accepting: what a daemon has not taken when it dies is the next one's", async () => {
  await using supervised = await Supervised.start();
  const { pid } = supervised.server;
  for (let life = 1; life <= 3; life++) {
    await stoppedDaemon(supervised);
    const clients = await connectMany(supervised.path, 3);
    await until("three clients held", () => heldBy(pid) === OTHERS + 3);
    // With its request there: nobody is to be confused by who has left.
    clients.pop()!.close();
    await supervised.kill();
    await assertServed(clients);
    await until("nobody held", () => heldBy(pid) === OTHERS);
  }
});

Deno.test("accepting: while a daemon takes nobody, only so many are accepted", async () => {
  await using supervised = await Supervised.start(["--restart-delay=0"]);
  const { pid } = supervised.server;
  for (const end of ["SIGCONT", "SIGKILL"] as const) {
    const daemon = await stoppedDaemon(supervised);
    const clients = await connectMany(supervised.path, 100);
    await until("as many as may be", () => heldBy(pid) === OTHERS + PASSED_MAX);
    await pause(50);
    assertEquals(heldBy(pid), OTHERS + PASSED_MAX);
    if (end === "SIGKILL") await supervised.kill();
    else Deno.kill(daemon, end);
    await assertServed(clients);
    await until("nobody held", () => heldBy(pid) === OTHERS);
  }
});

Deno.test("accepting: when the supervisor dies the daemon takes what it was passed, and accepts", async () => {
  await using supervised = await Supervised.start();
  const daemon = await stoppedDaemon(supervised);
  const notify = /NOTIFY_SOCKET=([^\0]+)\/notify\0/.exec(
    Deno.readTextFileSync(`/proc/${daemon}/environ`),
  )![1]!;
  try {
    const clients = await connectMany(supervised.path, PASSED_MAX + 10);
    await until("as many as may be", () => heldBy(supervised.server.pid) === OTHERS + PASSED_MAX);
    Deno.kill(supervised.server.pid, "SIGKILL");
    await until("the supervisor's death", () => isDead(supervised.server.pid));
    Deno.kill(daemon, "SIGCONT");
    await assertServed(clients);
    await assertServed(await connectMany(supervised.path, 3));
  } finally {
    Deno.kill(daemon, "SIGKILL");
    // Nobody was left to tidy up.
    Deno.removeSync(notify, { recursive: true });
  }
});

/** Lets a process have only some more descriptors. */
async function limitDescriptors(pid: number, more: number): Promise<void> {
  const taken = new Set([...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => Number(name)));
  let limit = 0;
  for (let room = more; room > 0; limit++) if (!taken.has(limit)) room--;
  const args = ["--pid", `${pid}`, `--nofile=${limit}:${limit}`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert(success, "prlimit");
}

Deno.test("accepting: who finds a daemon without descriptors waits until somebody leaves", async () => {
  await using supervised = await Supervised.start();
  const daemon = await stoppedDaemon(supervised);
  await limitDescriptors(daemon, 4);
  Deno.kill(daemon, "SIGCONT");
  const clients = await connectMany(supervised.path, 60);
  const first = await clients[0]!.next();
  assertEquals(first?.text, "x");
  await until("a full daemon", () => supervised.server.output().includes("cannot accept"));
  clients[0]!.close();
  // Each that leaves lets others in.
  for (const [i, client] of clients.slice(1).entries()) {
    const reply = await client.next();
    assertEquals([reply?.reqId, reply?.text], [i + 1, "x"]);
    client.close();
  }
  await until("nobody held", () => heldBy(supervised.server.pid) === OTHERS);
});
