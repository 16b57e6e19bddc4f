/** `xs serve` as a process: what it prints, how it ends, what its log and trace are. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { pause, until, within } from "../support/patience.ts";
import { startServer } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test("xs serve says where it is and what to type; SIGTERM and SIGINT end it orderly", async () => {
  await using scratch = await makeScratch();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const socket = `${scratch.path}/${signal}`;
    const daemon = await startDaemon({ socket });
    await using client = await RawClient.connect(socket);
    assertEquals(await client.ask(T.READ, "/tool\0"), "");
    await until("greeting", () => daemon.output().includes("export"));
    assertStringIncludes(daemon.output(), `xs serves Xenstore on ${socket}\n`);
    assertStringIncludes(daemon.output(), `xs --socket ${socket} ls\n`);
    assertStringIncludes(daemon.output(), `export XENSTORED_PATH=${socket} `);
    Deno.kill(daemon.pid, signal);
    const status = await daemon.status;
    assertEquals({ code: status.code, signal: status.signal }, { code: 0, signal: null });
    assertEquals(await client.next(), null);
    await assertRejects(() => Deno.lstat(socket), Deno.errors.NotFound);
  }
});

Deno.test("SIGTERM ends it also under load", async () => {
  const daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  let answers = 0;
  const load = (async () => {
    try {
      for (;;) {
        await client.ask(T.WRITE, "/load\0x");
        answers++;
      }
    } catch {
      return;
    }
  })();
  await until("load", () => answers > 100);
  Deno.kill(daemon.pid, "SIGTERM");
  assertEquals((await within(daemon.status, "end")).code, 0);
  await load;
  await daemon.stop();
});

Deno.test("A second daemon on the same socket fails with one clear line", async () => {
  await using daemon = await startDaemon();
  const [command, ...args] = xsCommand();
  const second = await new Deno.Command(command, {
    args: [...args, "serve", "--socket", daemon.socketPath],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(second.stderr);
  assertEquals(second.code, 1);
  assertMatch(text, /^[^\n]*another daemon answers there[^\n]*\n$/);
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.READ, "/tool\0"), "");
});

Deno.test("A client that hangs up before its answer (SIGPIPE) harms nobody", async () => {
  await using daemon = await startDaemon();
  for (let i = 0; i < 20; i++) {
    const rude = await RawClient.connect(daemon.socketPath);
    for (let reqId = 0; reqId < 50; reqId++) await rude.send(T.DIRECTORY, reqId, "/\0");
    rude.close();
  }
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.READ, "/tool\0"), "");
});

Deno.test("INTRODUCE without Xen is EIO, with a line in the log", async () => {
  await using daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.INTRODUCE, "1\x001\x005\0"), "EIO\0");
  await until("log line", () => daemon.output().includes("cannot introduce domain 1"));
});

Deno.test("The trace shows each message; CONTROL switches it; SIGHUP reopens the files", async () => {
  await using scratch = await makeScratch();
  const trace = `${scratch.path}/trace`;
  const log = `${scratch.path}/log`;
  await using daemon = await startDaemon({
    args: ["--trace-file", trace, "--log-file", log, "--trace-control=+wrl"],
  });
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(
    await client.ask(T.CONTROL, "log\0"),
    "Log switch settings:\nobj     : on\nio      : on\nwrl     : on\nacc     : off\ntdb     : off\n\0",
  );
  await client.ask(T.READ, "/tool\0");
  await until("trace", () => Deno.readTextFileSync(trace).includes("OUT"));
  const time = "[0-9]{8} [0-9]{2}:[0-9]{2}:[0-9]{2}";
  const lines = Deno.readTextFileSync(trace);
  assertMatch(lines, /^\n\*\*\*\n/);
  assertMatch(lines, new RegExp(`^io: IN 0x[0-9a-f]+ \\(d0\\) ${time} READ \\(/tool \\)$`, "m"));
  assertMatch(lines, new RegExp(`^io: OUT 0x[0-9a-f]+ \\(d0\\) ${time} READ \\(\\)$`, "m"));
  assertMatch(lines, /^obj: CREATE connection 0x[0-9a-f]+$/m);
  assertEquals(Deno.statSync(trace).mode! & 0o777, 0o600);

  await client.ask(T.CONTROL, "log\0-io\0");
  const length = Deno.readTextFileSync(trace).length;
  await client.ask(T.READ, "/tool\0");
  assertEquals(Deno.readTextFileSync(trace).length, length);

  Deno.renameSync(trace, `${trace}.1`);
  Deno.renameSync(log, `${log}.1`);
  Deno.kill(daemon.pid, "SIGHUP");
  await until("new files", () => exists(trace) && exists(log));
  await client.ask(T.CONTROL, "print\0hello there\0");
  await until("print", () => Deno.readTextFileSync(trace).includes("control: hello there\n"));

  const other = `${scratch.path}/other`;
  assertEquals(await client.ask(T.CONTROL, `logfile\0${other}\0`), "OK\0");
  assertEquals(await client.ask(T.CONTROL, "memreport\0"), "OK\0");
  assertStringIncludes(Deno.readTextFileSync(other), "resident");
  assertEquals(await client.ask(T.CONTROL, `memreport\0${scratch.path}/report\0`), "OK\0");
  assertStringIncludes(Deno.readTextFileSync(`${scratch.path}/report`), "resident");
  assertEquals(await client.ask(T.CONTROL, `logfile\0${scratch.path}/no/such\0`), "ENOENT\0");
  assertEquals(await client.ask(T.CONTROL, "log\0off\0"), "OK\0");
  assertEquals(await client.ask(T.CONTROL, "memreport\0"), "EINVAL\0");
  assertEquals(await client.ask(T.CONTROL, "log\0on\0"), "OK\0");
  assertEquals(await client.ask(T.CONTROL, "memreport\0"), "OK\0");
  assertEquals(await client.ask(T.CONTROL, "log\0+nonsense\0"), "EINVAL\0");
});

Deno.test("Log and trace that can't be reopened go on in the old files", async () => {
  await using scratch = await makeScratch();
  const folder = `${scratch.path}/logs`;
  Deno.mkdirSync(folder);
  await using daemon = await startDaemon({
    args: ["--trace-file", `${folder}/trace`, "--log-file", `${folder}/log`],
  });
  Deno.renameSync(folder, `${folder}.1`);
  Deno.kill(daemon.pid, "SIGHUP");
  const log = (): string => Deno.readTextFileSync(`${folder}.1/log`);
  await until("complaint", () => log().includes("cannot reopen the trace"));
  assertStringIncludes(log(), "cannot reopen the log");
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.READ, "/tool\0"), "");
  assertStringIncludes(Deno.readTextFileSync(`${folder}.1/trace`), "READ (/tool )");
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("An idle daemon uses no processor time and little memory", async () => {
  await using daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  for (let i = 0; i < 200; i++) await client.ask(T.WRITE, `/n/${i}\0x`);
  // The runtime may still tidy up behind the requests.
  await idlePause("an idle second of at most 2 ticks", daemon.pid, 1000, 2);
  const resident = Number(
    /VmRSS:\s+([0-9]+) kB/.exec(Deno.readTextFileSync(`/proc/${daemon.pid}/status`))![1],
  );
  assert(resident < 80 * 1024, `${resident} KiB resident`);
});

Deno.test("Without descriptors left the daemon serves those it has, and others when some leave", async () => {
  await using scratch = await makeScratch();
  const socketPath = `${scratch.path}/socket`;
  // The program's own files take some forty of them.
  const script = 'ulimit -n 90; exec "$@"';
  await using daemon = await startServer({
    name: "xs serve",
    command: "/bin/sh",
    args: ["-c", script, "sh", ...xsCommand(), "serve", "--socket", socketPath],
    socketPath,
  });
  const clients: RawClient[] = [];
  for (let i = 0; i < 100; i++) clients.push(await RawClient.connect(socketPath));
  await until("the limit", () => daemon.output().includes("Too many open files"));
  assertEquals(await clients[0]!.ask(T.READ, "/tool\0"), "");
  await idlePause("half a second without spinning", daemon.pid, 500, 5);
  for (const client of clients.splice(0, 50)) client.close();
  const last = clients.at(-1)!;
  assertEquals(await last.ask(T.READ, "/tool\0"), "");
  for (const client of clients) client.close();
});

/** Waits for a time, of `ms`, in which a process uses at most so many ticks of 10 ms. */
async function idlePause(what: string, pid: number, ms: number, ticks: number): Promise<void> {
  await until(what, async () => {
    const before = processorTicks(pid);
    await pause(ms);
    return processorTicks(pid) - before <= ticks;
  });
}

/** User and system time of a process, in ticks of 10 ms. */
function processorTicks(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
