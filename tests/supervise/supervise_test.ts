/** What `xs serve --supervise` does with a daemon that dies, ends, or can't be started. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until, within } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { childrenOf, heldBy, isDead, Supervised } from "../support/supervised.ts";

/** Runs `xs serve` until it ends. */
async function runServe(...args: string[]): Promise<{ code: number; output: string }> {
  const [command, ...words] = xsCommand();
  const { code, stderr } = await new Deno.Command(command, {
    args: [...words, "serve", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, output: new TextDecoder().decode(stderr) };
}

Deno.test("supervised: a request sent in halves around a death is answered once", async () => {
  await using supervised = await Supervised.start();
  await using client = await RawClient.connect(supervised.path);
  assertEquals(await client.ask(T.WRITE, "/a\0one"), "OK\0");
  const request = encodeMessage(T.READ, 7, 0, toBytes("/a\0")).slice();
  for (const cut of [1, HEADER_SIZE, HEADER_SIZE + 1]) {
    await client.sendBytes(request.subarray(0, cut));
    // Once it has been read; and without any notice of the rest.
    if (cut === 1) await new Promise((resolve) => setTimeout(resolve, 100));
    await supervised.kill();
    await client.sendBytes(request.subarray(cut));
    assertEquals((await client.next())?.text, "one");
    assertEquals(await client.ask(T.WRITE, "/b\0two"), "OK\0");
  }
});

Deno.test("supervised: replies that fill all buffers at a death arrive in order, once", async () => {
  await using supervised = await Supervised.start();
  await using client = await RawClient.connect(supervised.path);
  const count = 300;
  for (const path of ["/a", "/b"]) {
    assertEquals(await client.ask(T.WRITE, `${path}\0${path.repeat(1000)}`), "OK\0");
  }
  const pathOf = (index: number): string => index % 3 === 0 ? "/a" : "/b";
  for (let i = 0; i < count; i++) await client.send(T.READ, i, `${pathOf(i)}\0`);
  await supervised.kill();
  for (let i = 0; i < count; i++) {
    if (i === count / 2) await supervised.kill();
    const reply = await client.next();
    assertEquals([reply?.reqId, reply?.text], [i, pathOf(i).repeat(1000)]);
  }
  assertEquals(await client.ask(T.READ, "/tool\0"), "");
});

Deno.test("supervised: who hangs up while the daemon is dead is forgotten", async () => {
  await using supervised = await Supervised.start();
  await using operator = await RawClient.connect(supervised.path);
  const client = await RawClient.connect(supervised.path);
  assertEquals(await client.ask(T.WATCH, "/a\0token\0"), "OK\0");
  await client.next();
  const held = (): number => heldBy(supervised.server.pid);
  await until("two clients held", () => held() === 4);
  await supervised.whileDead(async () => {
    // What it asked for with its last breath is done all the same.
    await client.send(T.WRITE, 2, "/last\0breath");
    client.close();
  });
  assertEquals(await operator.ask(T.WRITE, "/a\0x"), "OK\0");
  assertEquals(await operator.ask(T.READ, "/last\0"), "breath");
  await until("one client held", () => held() === 3);
  assert(!(await operator.ask(T.CONTROL, "check\0")).includes("Correct accounting"));
});

Deno.test("supervised: who connects while there is no daemon only waits", async () => {
  await using supervised = await Supervised.start();
  const answers: Promise<string>[] = [];
  await supervised.whileDead(async () => {
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(supervised.path);
      answers.push(client.ask(T.READ, "/tool\0").finally(() => client.close()));
    }
  });
  assertEquals(await Promise.all(answers), Array(20).fill(""));
});

Deno.test("supervised: an open transaction ends in EAGAIN, and its id is not given again", async () => {
  await using supervised = await Supervised.start();
  await using client = await RawClient.connect(supervised.path);
  const first = Number.parseInt(await client.ask(T.TRANSACTION_START, "\0"));
  const inside = async (type: number, txId: number, payload: string): Promise<string> => {
    await client.sendBytes(encodeMessage(type, 1, txId, toBytes(payload)));
    return (await client.next())!.text;
  };
  assertEquals(await inside(T.WRITE, first, "/in\0x"), "OK\0");
  await supervised.kill();
  assertEquals(await inside(T.TRANSACTION_END, first, "T\0"), "EAGAIN\0");
  assertEquals(await client.ask(T.READ, "/in\0"), "ENOENT\0");
  const second = Number.parseInt(await client.ask(T.TRANSACTION_START, "\0"));
  assert(second > first, `${second} after ${first}`);
  assertEquals(await inside(T.TRANSACTION_END, second, "T\0"), "OK\0");
});

Deno.test("supervised: a thousand clients go on, with their watches", async () => {
  await using supervised = await Supervised.start();
  const clients: RawClient[] = [];
  for (let i = 0; i < 1000; i++) {
    const client = await RawClient.connect(supervised.path);
    clients.push(client);
    assertEquals(await client.ask(T.WATCH, `/all\0${i}\0`), "OK\0");
    await client.next();
  }
  await supervised.kill();
  assertEquals(await clients[0]!.ask(T.MKDIR, "/tool\0"), "OK\0");
  await clients[0]!.send(T.WRITE, 1, "/all\0x");
  for (const [i, client] of clients.entries()) {
    assertEquals((await client.next())?.text, `/all\0${i}\0`);
  }
  assertEquals((await clients[0]!.next())?.text, "OK\0");
  for (const client of clients) client.close();
  await using late = await RawClient.connect(supervised.path);
  assert(!(await late.ask(T.CONTROL, "check\0")).includes("Correct accounting"));
  await until("one client held", () => heldBy(supervised.server.pid) === 3);
});

Deno.test("supervised: it gives up after many deaths, aloud, and hangs up", async () => {
  await using supervised = await Supervised.start(["--restarts=3", "--restart-delay=1ms"]);
  await using client = await RawClient.connect(supervised.path);
  for (let death = 1; death <= 3; death++) {
    assertEquals(await client.ask(T.READ, "/tool\0"), "");
    await supervised.kill(death === 2 ? "SIGABRT" : "SIGKILL");
  }
  const { code, signal } = await supervised.server.status;
  assertEquals({ code, signal }, { code: 1, signal: null });
  const output = supervised.server.output();
  assertMatch(
    output,
    /warning: the daemon was killed by SIGKILL .* at once \(death 1 within 60 s\)/,
  );
  assertMatch(output, /killed by SIGABRT .* started again in 1 ms \(death 2 within 60 s\)/);
  assertMatch(
    output,
    /error: the daemon was killed by SIGKILL .* given up after 3 deaths within 60 s/,
  );
  assertEquals(output.match(/xs serves Xenstore/g)?.length, 1, "greeted once");
  assertEquals(await client.next(), null);
});

Deno.test("supervised: SIGTERM and SIGINT end both, in a pause between two lives too", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using supervised = await Supervised.start();
    await using client = await RawClient.connect(supervised.path);
    assertEquals(await client.ask(T.READ, "/tool\0"), "");
    const daemon = await until("a daemon", () => supervised.daemon);
    Deno.kill(supervised.server.pid, signal);
    const status = await supervised.server.status;
    assertEquals([status.code, status.signal], [0, null]);
    assertEquals(await client.next(), null);
    await assertRejects(() => Deno.lstat(`/proc/${daemon}/fd/0`), Deno.errors.NotFound);
    await assertRejects(() => Deno.lstat(supervised.path), Deno.errors.NotFound);
  }
  await using supervised = await Supervised.start(["--restarts=0", "--restart-delay=4s"]);
  await supervised.kill();
  // Behind each further death there is one.
  await until("a pause", async () => {
    if (supervised.daemon !== null) await supervised.kill();
    return / in \d{4} ms/.test(supervised.server.output()) &&
      childrenOf(supervised.server.pid).length === 0;
  });
  Deno.kill(supervised.server.pid, "SIGTERM");
  assertEquals((await supervised.server.status).code, 0);
});

Deno.test("supervised: a daemon that is told to end by itself is not started again", async () => {
  await using supervised = await Supervised.start();
  await supervised.kill("SIGTERM");
  assertEquals((await supervised.server.status).code, 0);
});

Deno.test("supervised: a daemon whose supervisor is killed serves on, and holds nothing", async () => {
  await using scratch = await makeScratch();
  const log = `${scratch.path}/log`;
  await using supervised = await Supervised.start([`--log-file=${log}`]);
  await using client = await RawClient.connect(supervised.path);
  assertEquals(await client.ask(T.WRITE, "/a\0x"), "OK\0");
  const daemon = await until("a daemon", () => supervised.daemon);
  const notify = /NOTIFY_SOCKET=([^\0]+)\/notify\0/.exec(
    Deno.readTextFileSync(`/proc/${daemon}/environ`),
  )![1]!;
  try {
    Deno.kill(supervised.server.pid, "SIGKILL");
    await until("the supervisor's death", () => isDead(supervised.server.pid));
    assertEquals(await client.ask(T.READ, "/a\0"), "x");
    await using other = await RawClient.connect(supervised.path);
    assertEquals(await other.ask(T.READ, "/a\0"), "x");
    const lines = Deno.readTextFileSync(log).match(/cannot reach the holder/g);
    assertEquals(lines?.length, 1);
    Deno.kill(daemon, "SIGTERM");
    assertEquals([await client.next(), await other.next()], [null, null]);
  } catch (error) {
    Deno.kill(daemon, "SIGKILL");
    throw error;
  } finally {
    // Nobody was left to tidy up.
    Deno.removeSync(notify, { recursive: true });
  }
});

Deno.test("supervised: what can't be done at all is not tried again", async () => {
  const usage = await runServe("--supervise", "--nonsense");
  assertEquals(usage.code, 2);
  await using daemon = await startDaemon();
  const taken = await runServe("--supervise", "--socket", daemon.socketPath);
  assertEquals(taken.code, 1);
  assertEquals(taken.output.match(/another daemon answers there/g)?.length, 1, taken.output);
  assert(!taken.output.includes("started again"), taken.output);
});

Deno.test("supervised: SIGHUP reopens the log of both; the pid file names the supervisor", async () => {
  await using scratch = await makeScratch();
  const [log, pidFile] = [`${scratch.path}/log`, `${scratch.path}/pid`];
  await using supervised = await Supervised.start([`--log-file=${log}`, `--pid-file=${pidFile}`]);
  const { pid } = supervised.server;
  const textOf = (path: string): string => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return "";
    }
  };
  assertEquals(textOf(pidFile), `${pid}\n`);
  await Deno.rename(log, `${log}.1`);
  Deno.kill(pid, "SIGHUP");
  await until("a new log", () => textOf(log) !== "" || textOf(`${log}`) === "" && exists(log));
  await supervised.kill();
  await until("the supervisor's line", () => textOf(log).includes("killed by SIGKILL"));
  await until("the daemon's line", () => textOf(log).includes("recovered"));
  assertEquals(textOf(pidFile), `${pid}\n`);
  await using client = await RawClient.connect(supervised.path);
  assertEquals(await within(client.ask(T.READ, "/tool\0"), "answer"), "");
  Deno.kill(pid, "SIGTERM");
  await supervised.server.status;
  assert(!exists(pidFile));
});

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("not supervised, a client sees a hang-up", async () => {
  await using daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.READ, "/tool\0"), "");
  Deno.kill(daemon.pid, "SIGKILL");
  assertEquals(await client.next(), null);
});
