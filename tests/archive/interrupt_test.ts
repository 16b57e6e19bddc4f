/** Ctrl-C on long work: nothing is left half done, and the user hears what became of it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import type { ProgressSink } from "../../lib/archive/archive.ts";
import { Interrupt, InterruptedError } from "../../lib/archive/interrupt.ts";
import { restoreArchive } from "../../lib/archive/restore.ts";
import { readSource } from "../../lib/archive/source.ts";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { ARCHIVE_QUEUE_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";

const NODES = 5_000;

async function fillUp(socket: string): Promise<Client> {
  const client = await Client.connect({ socket });
  for (let from = 0; from < NODES; from += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => client.write(`/bulk/${from + i}`, "some value")),
    );
  }
  return client;
}

/** Interrupts when it is told of progress for the `at`th time. */
function interrupting(interrupt: Interrupt, at: number): ProgressSink {
  let count = 0;
  return { update: () => void (++count === at && interrupt.request()) };
}

/** Whether the daemon still has a job, which a further one would wait for. */
async function isIdle(nodes: Operations): Promise<boolean> {
  const job = await nodes.ask(MessageType.CONTROL, "control", "restore", "-n", "1");
  const number = job.replace("job ", "");
  const status = await nodes.ask(MessageType.CONTROL, "control", "archive", number);
  await nodes.ask(MessageType.CONTROL, "control", "archive", number, "cancel");
  return status.startsWith("running");
}

interface Queue extends AsyncDisposable {
  /** Waits until somebody else waits, too. */
  joined(): Promise<true>;
}

/** A job under way and so many behind it that there is room for two more. */
async function fullQueue(socket: string): Promise<Queue> {
  const session = new Session(await openStream(socket), socket);
  const ask = (...words: [string, ...string[]]): Promise<string> =>
    new Operations(session).ask(MessageType.CONTROL, "control", ...words);
  const jobs: string[] = [];
  for (let i = 1; i < ARCHIVE_QUEUE_MAX; i++) jobs.push((await ask("dump", "all")).slice(4));
  return {
    joined: () =>
      until("another waits", async () => {
        for (const job of jobs) await ask("archive", job);
        // One more is behind whoever has come meanwhile.
        const last = (await ask("dump", "all")).slice(4);
        const status = await ask("archive", last);
        await ask("archive", last, "cancel");
        return Number(status.replace("waiting ", "")) > jobs.length;
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(session.close()),
  };
}

Deno.test("a restore interrupted anywhere says whether it has taken effect, and so it is", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await fillUp(server.socketPath);
  const session = new Session(await openStream(server.socketPath), server.socketPath);
  const nodes = new Operations(session);
  const connect = (): Promise<Operations> => Promise.resolve(nodes);
  const context = {
    connect,
    progress: { update: () => {} },
    interrupt: new Interrupt(),
    socketPath: server.socketPath,
    now: 0,
    bootAt: 0,
    domid: null,
    stdin: () => Promise.resolve(new Uint8Array()),
  };
  const archive = await readSource({ kind: "live", point: null, text: "live" }, context);
  const request = {
    into: { kind: "live" },
    dryRun: false,
    overQuota: true,
    mapping: null,
  } as const;
  let givenUp = 0, wasDone = false;
  for (let at = 1; !wasDone; at = at < 8 ? at + 1 : 2 * at) {
    await client.write("/bulk/7", "changed");
    const interrupt = new Interrupt();
    let text = "";
    try {
      await restoreArchive(archive, request, connect, interrupting(interrupt, at), interrupt);
      wasDone = true;
    } catch (error) {
      assert(error instanceof InterruptedError);
      text = error.text;
    }
    const value = await client.readText("/bulk/7");
    const isGivenUp = text === "interrupted: the restore is given up, nothing has changed";
    if (isGivenUp) givenUp++;
    else if (!wasDone) assertEquals(text, "interrupted, but the restore had already taken effect");
    assertEquals(value, isGivenUp ? "changed" : "some value", `at ${at}: ${text}`);
    assert(await isIdle(nodes), "the job goes on");
  }
  assert(givenUp > 3, `${givenUp} were given up`);
  session.close();
});

Deno.test("a dump interrupted anywhere is given up, and leaves no file", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  await using _client = await fillUp(server.socketPath);
  const session = new Session(await openStream(server.socketPath), server.socketPath);
  for (const at of [1, 2, 5, 20]) {
    const interrupt = new Interrupt();
    const context = {
      connect: () => Promise.resolve(new Operations(session)),
      progress: interrupting(interrupt, at),
      interrupt,
      socketPath: server.socketPath,
      now: 0,
      bootAt: 0,
      domid: null,
      stdin: () => Promise.resolve(new Uint8Array()),
    };
    const error = await assertRejects(
      () => readSource({ kind: "live", point: null, text: "live" }, context),
      InterruptedError,
    );
    assertEquals(error.text, "interrupted: the dump is given up");
    assert(await isIdle(new Operations(session)));
  }
  session.close();
  // As a command: while it waits behind others.
  await using queue = await fullQueue(server.socketPath);
  const shell = fakeShell(["dump", "-o", `${scratch.path}/dump`], {
    env: { XENSTORED_PATH: server.socketPath },
  });
  const running = runApp(shell);
  await queue.joined();
  shell.interrupt();
  assertEquals(await running, 130);
  assertEquals(shell.printed.err, "xs: dump live: interrupted: the dump is given up\n");
  assertEquals([...Deno.readDirSync(scratch.path)], []);
});

Deno.test("dumps at the same time wait for each other, and all are whole", async () => {
  await using server = await EmbeddedServer.start();
  await using _client = await fillUp(server.socketPath);
  await using scratch = await makeScratch();
  const env = { XENSTORED_PATH: server.socketPath };
  const dumps = Array.from({ length: 4 }, async (_, i) => {
    const shell = fakeShell(["dump", "-o", `${scratch.path}/${i}`], { env });
    assertEquals([await runApp(shell), shell.printed.err], [0, ""]);
    return Deno.readFileSync(`${scratch.path}/${i}`).length;
  });
  for (const length of await Promise.all(dumps)) assert(length > NODES * 20);
  // Who is beyond the queue hears so.
  await using _first = await fullQueue(server.socketPath);
  const session = new Session(await openStream(server.socketPath), server.socketPath);
  const nodes = new Operations(session);
  for (let i = 0; i < 2; i++) await nodes.ask(MessageType.CONTROL, "control", "dump", "all");
  const shell = fakeShell(["dump", "-o", `${scratch.path}/many`], { env });
  assertEquals(await runApp(shell), 1);
  assertEquals(
    shell.printed.err,
    "xs: dump: 16 dumps and restores wait already (try again later)\n",
  );
  session.close();
});

/** Sends a signal to a process, which may have ended by now. */
function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

Deno.test("xs restore, interrupted by a signal, ends with 130 and says what became of it", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using scratch = await makeScratch();
  await using client = await fillUp(daemon.socketPath);
  const [command, ...words] = xsCommand();
  const xs = (...args: string[]): Deno.Command =>
    new Deno.Command(command, {
      args: [...words, ...args],
      env: { XENSTORED_PATH: daemon.socketPath, TMPDIR: scratch.path },
      stdout: "piped",
      stderr: "piped",
    });
  const file = `${scratch.path}/dump`;
  assert((await xs("dump", "-o", file).output()).success);
  await client.write("/bulk/7", "changed");
  // Its turn does not come: another client holds a job.
  await using queue = await fullQueue(daemon.socketPath);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const child = xs("restore", file, "--into", "live").spawn();
    await queue.joined();
    // Twice, as `timeout` does.
    send(child, signal);
    send(child, signal);
    const { code, stderr } = await child.output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 130, text);
    assertEquals(
      text,
      `xs: restore ${file}: interrupted: the restore is given up, nothing has changed\n`,
    );
    assertEquals(await client.readText("/bulk/7"), "changed");
  }
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), ["dump"]);
});

Deno.test("a second Ctrl-C does not wait for a daemon that is stopped, and says so", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using queue = await fullQueue(daemon.socketPath);
  const [command, ...words] = xsCommand();
  const child = new Deno.Command(command, {
    args: [...words, "dump", "--socket", daemon.socketPath],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  await queue.joined();
  Deno.kill(daemon.pid, "SIGSTOP");
  const ended = child.output();
  let over = false;
  ended.then(() => over = true);
  try {
    await until("it ends", () => {
      if (!over) send(child, "SIGINT");
      return over;
    });
  } finally {
    Deno.kill(daemon.pid, "SIGCONT");
  }
  const { code, stderr } = await ended;
  assertEquals(code, 130);
  assertEquals(
    new TextDecoder().decode(stderr),
    "xs: interrupted again: the daemon did not say whether it is done\n",
  );
});
