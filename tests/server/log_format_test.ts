/** Forms of the log: text, JSON, and priorities for the journal; the lines of a start, a signal and an end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileLog } from "../../lib/server/logging/log.ts";
import { formatLine } from "../../lib/server/logging/log_format.ts";
import { isJournal } from "../../lib/server/logging/journal_stream.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const TIME = new Date("2026-11-27T12:00:00.250Z");

Deno.test("log: a line is text, or one JSON object that reads back", () => {
  const hostile = 'domain 5: "a\\u001b"\u001b[2J\n\u202e{"level":"error"}';
  const unseen = ["\n", "\u001b", "\u202e"];
  const text = formatLine("text", "warning", hostile, TIME, true);
  assertMatch(text, /^2026-11-27T12:00:00\.250Z xs: warning: domain 5: /);
  assert(unseen.every((mark) => !text.includes(mark)));
  assert(formatLine("text", "info", "x", TIME, false) === "xs: info: x");
  const json = formatLine("json", "warning", hostile, TIME, false);
  assert(unseen.every((mark) => !json.includes(mark)));
  assertEquals(JSON.parse(json), {
    time: "2026-11-27T12:00:00.250Z",
    level: "warning",
    message: hostile,
  });
});

Deno.test("log: JSON lines in a file, also when it is opened again", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/log`, clock = new SimulatedClock();
  const file = new FileLog("info", path, clock, "json");
  file.log("info", "one");
  await Deno.rename(path, `${path}.1`);
  file.reopen();
  file.log("debug", "left out");
  file.log("error", "two");
  file.close();
  const lines = [`${path}.1`, path].map((name) => JSON.parse(Deno.readTextFileSync(name)));
  assertEquals(lines.map(({ level, message }) => [level, message]), [["info", "one"], [
    "error",
    "two",
  ]]);
});

Deno.test("log: stderr is the journal's only if it is what systemd has connected", () => {
  const stderr = { dev: 9, ino: 1234 };
  assert(isJournal("9:1234", stderr));
  assert(!isJournal("9:1235", stderr));
  assert(!isJournal(undefined, stderr));
  assert(!isJournal("9:1234", null));
});

Deno.test("log: lines for the journal begin with their priority", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/stderr`;
  const module = new URL("../../lib/server/logging/log.ts", import.meta.url).href;
  const clock = new URL("../../lib/clock.ts", import.meta.url).href;
  // stderr is the file, and JOURNAL_STREAM says so.
  const script = `
    import { FileLog } from "${module}";
    import { systemClock } from "${clock}";
    const { dev, ino } = Deno.statSync("/proc/self/fd/2");
    Deno.env.set("JOURNAL_STREAM", dev + ":" + ino);
    const { log } = new FileLog("debug", null, systemClock, Deno.args[0]);
    for (const level of ["error", "warning", "info", "debug"]) log(level, "x");`;
  for (const format of ["text", "json"]) {
    await Deno.writeTextFile(`${scratch.path}/script.ts`, script);
    const command = `exec "$0" run -A --no-check "$1" ${format} 2>"$2"`;
    const { success } = await new Deno.Command("sh", {
      args: ["-c", command, Deno.execPath(), `${scratch.path}/script.ts`, path],
    }).output();
    assert(success);
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    assertEquals(lines.map((line) => line.slice(0, 3)), ["<3>", "<4>", "<6>", "<7>"]);
    if (format === "json") assertEquals(JSON.parse(lines[0]!.slice(3)).level, "error");
    else assertEquals(lines[0], "<3>xs: error: x");
  }
});

Deno.test("log: one line at the start, one for SIGHUP, one at the end, for CONTROL and for domains", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/log`, socket = `${scratch.path}/socket`;
  const daemon = await startDaemon({
    socket,
    args: ["--log-format", "json", "--log-file", path, "--trace-file", `${scratch.path}/trace`],
  });
  await using client = await RawClient.connect(socket);
  assertEquals(await client.ask(T.CONTROL, "log\0-io\0"), "OK\0");
  assertEquals(await client.ask(T.CONTROL, "quota\0set\0nodes\x0077\0"), "OK\0");
  assertEquals(await client.ask(T.WRITE, "/secret\0hunter2"), "OK\0");
  Deno.kill(daemon.pid, "SIGHUP");
  const lines = (): string[] =>
    Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line).message);
  await until("SIGHUP's line", () => lines().some((line) => line.includes("SIGHUP")));
  await daemon.stop();
  assert(!Deno.readTextFileSync(path).includes("hunter2"), "no line carries a value");
  const store = `${socket}.store`;
  const [start, trace, quota, hangup, end, ...more] = lines();
  assertMatch(start!, /^daemon: serves: xs \S+.*, pid \d+, socket /);
  assert(start!.includes(`, pid ${daemon.pid}, socket ${socket}, persist crash, store ${store}, `));
  assert(start!.endsWith(", with an empty store"));
  assertMatch(trace!, /^socket \d+ \(pid \d+ .*\): CONTROL: trace-switch io is now off$/);
  assertMatch(quota!, /: quota nodes of new domains: 77, was 1000$/);
  assertEquals([hangup, end, ...more], [
    "daemon: SIGHUP: the files of the log and the trace are opened again",
    "daemon: stopped by SIGTERM",
  ]);
});

Deno.test("log: a refused commit is told with its facet, its path, who changed it, and its number in the history", async () => {
  const daemon = await startDaemon();
  await using one = await RawClient.connect(daemon.socketPath);
  await using two = await RawClient.connect(daemon.socketPath);
  await two.ask(T.WRITE, "/shared\0hunter2");
  const start = await one.exchange({ type: T.TRANSACTION_START, txId: 0, payload: toBytes("\0") });
  const txId = Number.parseInt(start.at(-1)!.text);
  for (const [type, text] of [[T.READ, "/shared\0"], [T.WRITE, "/shared\0hunter3"]] as const) {
    await one.exchange({ type, txId, payload: toBytes(text) });
  }
  await two.ask(T.WRITE, "/shared\0hunter45");
  const end = await one.exchange({ type: T.TRANSACTION_END, txId, payload: toBytes("T\0") });
  assertEquals(end.at(-1)!.text, "EAGAIN\0");
  await daemon.stop();
  const client = "socket \\d+ \\(pid \\d+ [^)]*\\)";
  const why = "value of /shared: saw 7 bytes, now 8 bytes";
  assertMatch(
    daemon.output(),
    new RegExp(`EAGAIN for transaction 1 of ${client}: ${why}, changed by ${client} \\(#\\d+\\)\n`),
  );
  assert(!daemon.output().includes("hunter"));
});
