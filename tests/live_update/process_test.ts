/** xs gives way to xs: what of the process goes on, and what becomes of transactions. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";
import { startThatWaits, update } from "../support/operator.ts";

const [XS] = xsCommand();
const UPDATES = Number(Deno.env.get("XS_UPDATES") ?? 20);

const start = (...args: string[]): Promise<ServerProcess> =>
  startDaemon({ args: ["--xen", "no", ...args] });

async function ask(client: RawClient, type: number, text: string, txId = 0): Promise<string> {
  const payload = toBytes(text.replaceAll(".", "\0"));
  const { text: reply } = (await client.exchange({ type, txId, payload })).at(-1)!;
  return reply.replace(/\0$/, "");
}

Deno.test("live update: one transaction that lasts too long keeps it from happening", async () => {
  await using daemon = await start();
  const client = await RawClient.connect(daemon.socketPath);
  const operator = await RawClient.connect(daemon.socketPath);
  assertEquals(await ask(client, T.TRANSACTION_START, "."), "1");
  await ask(client, T.WRITE, "/a.x", 1);
  assertMatch(
    await update(operator, { file: XS }, "-t", "1"),
    /^Domains with long running transactions:\nDomain 0: \d+ s$/,
  );
  assertEquals(await ask(client, T.TRANSACTION_END, "T.", 1), "OK");
  assertEquals(await ask(operator, T.READ, "/a."), "x");
  client.close();
  operator.close();
});

Deno.test("live update: by force transactions are given up, and say so at their end", async () => {
  await using daemon = await start();
  const client = await RawClient.connect(daemon.socketPath);
  const operator = await RawClient.connect(daemon.socketPath);
  assertEquals(await ask(client, T.TRANSACTION_START, "."), "1");
  await ask(client, T.WRITE, "/a.x", 1);
  assertEquals(await update(operator, { file: XS }, "-F"), "OK");
  assertEquals(await ask(client, T.WRITE, "/a.y", 1), "OK");
  assertEquals(await ask(client, T.TRANSACTION_END, "T.", 1), "EAGAIN");
  assertEquals(await ask(client, T.READ, "/a."), "ENOENT");
  assertEquals(await ask(client, T.TRANSACTION_START, "."), "2");
  client.close();
  operator.close();
});

Deno.test("live update: who starts a transaction meanwhile is answered by the next daemon", async () => {
  await using daemon = await start();
  const first = await RawClient.connect(daemon.socketPath);
  const second = await RawClient.connect(daemon.socketPath);
  const operator = await RawClient.connect(daemon.socketPath);
  await ask(first, T.TRANSACTION_START, ".");
  await ask(first, T.WRITE, "/a.x", 1);
  const updated = update(operator, { file: XS }, "-t", "30");
  const started = await startThatWaits(second, first);
  assertEquals(await ask(first, T.TRANSACTION_END, "T.", 1), "OK");
  assertEquals(await updated, "OK", daemon.output());
  const id = Number((await started.reply).text.replace(/\0$/, ""));
  assert(id > 0);
  assertEquals(await ask(second, T.READ, "/a.", id), "x");
  assertEquals(await ask(second, T.TRANSACTION_END, "T.", id), "OK");
  for (const client of [first, second, operator]) client.close();
});

Deno.test("live update: without a store file, too", async () => {
  await using daemon = await start("--persist", "none");
  const client = await RawClient.connect(daemon.socketPath);
  await ask(client, T.WRITE, "/a.x");
  assertEquals(await update(client, { file: XS }), "OK");
  assertEquals(await ask(client, T.READ, "/a."), "x");
  const directory = daemon.socketPath.replace(/\/[^/]*$/, "");
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  assertEquals(names, ["socket"]);
  client.close();
});

Deno.test("live update: the pid file, the trace and who manages the service go along", async () => {
  await using scratch = await makeScratch();
  const manager = bindDatagram(`${scratch.path}/notify`);
  const [pidFile, traceFile] = [`${scratch.path}/pid`, `${scratch.path}/trace`];
  {
    await using daemon = await startDaemon({
      args: ["--xen", "no", "--pid-file", pidFile, "--trace-file", traceFile],
      env: { NOTIFY_SOCKET: `${scratch.path}/notify` },
    });
    const client = await RawClient.connect(daemon.socketPath);
    assertEquals(receive(manager), `READY=1\nMAINPID=${daemon.pid}\n`);
    for (let i = 0; i < 3; i++) {
      assertEquals(await update(client, { file: XS }), "OK");
      assertMatch(receive(manager), /^RELOADING=1\nMONOTONIC_USEC=\d+\nWATCHDOG=1\n$/);
      assertEquals(receive(manager), `READY=1\nMAINPID=${daemon.pid}\n`);
      assertEquals(await Deno.readTextFile(pidFile), `${daemon.pid}\n`);
      assertEquals(lockers(daemon.pid, Deno.statSync(pidFile).ino!), 1);
    }
    await ask(client, T.WRITE, "/traced.x");
    assertMatch(await Deno.readTextFile(traceFile), /IN .* WRITE \(\/traced x\)/);
    client.close();
  }
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name).sort(), [
    "notify",
    "trace",
  ]);
  libc.files().close(manager);
});

Deno.test("live update: what CONTROL has set stays set", async () => {
  await using scratch = await makeScratch();
  await using daemon = await start("--persist", "none", "--trace-control", "+wrl");
  const client = await RawClient.connect(daemon.socketPath);
  const control = async (...words: string[]): Promise<string> => {
    const payload = toBytes(words.map((word) => `${word}\0`).join(""));
    return (await client.exchange({ type: T.CONTROL, txId: 0, payload })).at(-1)!.text;
  };
  for (const words of [["log", "+acc"], ["log", "-wrl"], ["logfile", `${scratch.path}/trace`]]) {
    assertEquals(await control(...words), "OK\0");
  }
  await control("quota", "set", "nodes", "77");
  for (let i = 1; i <= 2; i++) {
    assertEquals(await update(client, { file: XS }), "OK");
    const switches = await control("log");
    assertMatch(switches, /acc +: on/);
    assertMatch(switches, /wrl +: off/);
    assertMatch(await control("quota"), /nodes +: +77 /);
    await ask(client, T.WRITE, `/traced${i}.x`);
    const trace = await Deno.readTextFile(`${scratch.path}/trace`);
    assertMatch(trace, new RegExp(`IN .* WRITE \\(/traced${i} x\\)`));
  }
  client.close();
});

Deno.test(`live update: ${UPDATES} in a row leave nothing behind`, async () => {
  await using daemon = await start();
  const operator = await RawClient.connect(daemon.socketPath);
  const clients: RawClient[] = [];
  for (let i = 0; i < 5; i++) {
    const client = await RawClient.connect(daemon.socketPath);
    await ask(client, T.WATCH, `/count.${i}.`);
    clients.push(client);
  }
  let before: readonly string[] = [];
  for (let i = 1; i <= UPDATES; i++) {
    assertEquals(await update(operator, { file: XS }), "OK", daemon.output().slice(-2000));
    assertEquals(await ask(operator, T.WRITE, `/count.${i}`), "OK");
    for (const [at, client] of clients.entries()) {
      const messages = await client.exchange({
        type: T.READ,
        txId: 0,
        payload: toBytes("/count\0"),
      });
      const texts = messages.map(({ text }) => text.replaceAll("\0", "."));
      // The first look has the event of the registration, too.
      assertEquals(texts.slice(-2), [`/count.${at}.`, `${i}`]);
    }
    // The first one opens the runtime's caches in the order in which it happens to.
    if (i === 2) before = descriptors(daemon.pid);
  }
  const expected = before.join("\n");
  await until(`the descriptors ${before}`, () => descriptors(daemon.pid).join("\n") === expected);
  for (const client of [operator, ...clients]) client.close();
});

/** What a process has open, without the numbers that tell two of a kind apart. */
function descriptors(pid: number): string[] {
  const kinds: string[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      kinds.push(Deno.readLinkSync(`/proc/${pid}/fd/${name}`).replace(/\[\d+\]$/, ""));
    } catch {
      // It was closed since.
    }
  }
  return kinds.sort();
}

/** How many locks a process has on a file. */
function lockers(pid: number, inode: number): number {
  const lines = Deno.readTextFileSync("/proc/locks").split("\n");
  return lines.filter((line) => line.includes(` ${pid} `) && line.includes(`:${inode} `)).length;
}

function bindDatagram(name: string): number {
  const fd = libc.sockets().socket(1, 2, 0);
  const bytes = new TextEncoder().encode(`\x01\0${name}`);
  if (libc.sockets().bind(fd, bytes, bytes.length) < 0) throw new Error(`cannot bind ${name}`);
  return fd;
}

/** The next datagram that has come and is no sign of life, or "". */
function receive(fd: number): string {
  for (;;) {
    const text = receiveAny(fd);
    if (!text.startsWith("WATCHDOG=1\n")) return text;
  }
}

function receiveAny(fd: number): string {
  const buffer = new Uint8Array(256);
  const MSG_DONTWAIT = 0x40;
  const count = libc.sockets().recv(fd, buffer, buffer.length, MSG_DONTWAIT);
  return new TextDecoder().decode(buffer.subarray(0, Math.max(0, count)));
}
