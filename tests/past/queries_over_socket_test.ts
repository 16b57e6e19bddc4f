/** What a daemon answers of its history: to privileged clients, in slices, within limits, while it goes on. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { askDaemon } from "../../lib/archive/past/ask_daemon.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import type { Answer, Head } from "../../lib/history/answers.ts";
import { formatQuery, type LogQuery, QUERY_VERSION } from "../../lib/history/query.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { ARCHIVE_IDLE_MS, HISTORY_QUERIES_MAX, HISTORY_REST_MS } from "../../lib/limits.ts";
import { PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { Client } from "../support/engine_client.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { failure, xs } from "./support.ts";

const ALL: LogQuery = {
  kind: "log",
  since: null,
  until: null,
  filter: {},
  backwards: false,
  last: null,
};

async function connect({ socketPath }: RecordedDaemon): Promise<Operations> {
  return new Operations(new Session(await openStream(socketPath), socketPath));
}

async function control(nodes: Operations, ...words: string[]): Promise<string> {
  return await nodes.ask(MessageType.CONTROL, "control", "history", ...words);
}

async function read(nodes: Operations, number: string): Promise<Uint8Array> {
  const payload = joinStrings("history", "read", number);
  const subject = { operation: "control", path: "history" };
  return await nodes.session.request(MessageType.CONTROL, 0, payload, subject);
}

async function begin(nodes: Operations, query: LogQuery = ALL): Promise<string> {
  const reply = await control(nodes, "query", QUERY_VERSION, formatQuery(query));
  assertMatch(reply, /^query \d+$/);
  return reply.slice("query ".length);
}

/** Writes from different nodes, so that nothing is folded. */
async function fill(nodes: Operations, count: number, bytes = 10): Promise<void> {
  const value = new Uint8Array(bytes).fill(0x61);
  for (let i = 0; i < count; i++) await nodes.write(`/fill/${i}`, value);
}

async function answers(nodes: Operations, query: LogQuery = ALL): Promise<Answer[]> {
  const found: Answer[] = [];
  for await (const answer of askDaemon(nodes, query)) found.push(answer);
  return found;
}

Deno.test("a long answer comes reply by reply, and none is longer than a message", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server);
  await fill(nodes, 1_500, 300);
  const number = await begin(nodes);
  const sizes: number[] = [];
  for (;;) {
    const { length } = await read(nodes, number);
    if (length === 0) break;
    sizes.push(length);
  }
  assert(sizes.length > 100, `${sizes.length} replies`);
  assert(Math.max(...sizes) <= PAYLOAD_MAX);
  assertEquals((await read(nodes, number)).length, 0, "the end stays the end");
  const found = await answers(nodes);
  assertEquals(found.length, 1_502);
  assertEquals(
    found.flatMap((one) => one.type === "record" ? [one.record.number] : []),
    [
      ...Array(1_501).keys(),
    ].map((i) => i + 1),
  );
  nodes.session.close();
});

Deno.test("so many queries are answered at once, each for its own client", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server), other = await connect(server);
  await fill(nodes, 300, 300);
  const numbers: string[] = [];
  const { engine } = server.daemon, { connection } = new Client(engine, 0);
  // At a moment at which no query has rested for long.
  const early = performance.now();
  const askEarly = (): string =>
    engine.state.admin.history!.query(connection, QUERY_VERSION, formatQuery(ALL), early);
  for (let i = 0; i < HISTORY_QUERIES_MAX; i++) numbers.push(await begin(nodes));
  assertEquals(askEarly(), `busy ${HISTORY_QUERIES_MAX}`);
  const refused = (action: () => Promise<unknown>): Promise<XenstoreError> =>
    assertRejects(action, XenstoreError, "ENOENT");
  await refused(() => read(other, numbers[0]!));
  await refused(() => control(other, "end", numbers[0]!));
  await refused(() => read(nodes, "99"));
  assertEquals(await control(nodes, "end", numbers[0]!), "OK");
  await refused(() => read(nodes, numbers[0]!));
  const taken = await begin(other);
  assertEquals(askEarly(), `busy ${HISTORY_QUERIES_MAX}`);
  // Those of a client that has gone are gone.
  nodes.session.close();
  while ((await control(other, "query", QUERY_VERSION, formatQuery(ALL))).startsWith("busy"));
  assert((await read(other, taken)).length > 0);
  other.session.close();
});

Deno.test("a tool waits while others are answered", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server), other = await connect(server);
  await fill(nodes, 300, 300);
  for (let i = 0; i < HISTORY_QUERIES_MAX; i++) await begin(nodes);
  const waiting = answers(other);
  const first = await Promise.race([
    waiting,
    control(nodes, "query", QUERY_VERSION, "{}").then(() => null),
  ]);
  assertEquals(first, null);
  nodes.session.close();
  assertEquals((await waiting).length, 302);
  other.session.close();
});

Deno.test("a query that its client forgets is given up", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server);
  const { history } = server.daemon.engine.state.admin;
  await begin(nodes);
  const now = performance.now();
  assert(history!.wakeAt <= now + ARCHIVE_IDLE_MS);
  history!.look(history!.wakeAt - 1);
  assert(Number.isFinite(history!.wakeAt));
  history!.look(history!.wakeAt);
  assertEquals(history!.wakeAt, Infinity);
  await assertRejects(() => read(nodes, "1"), XenstoreError, "ENOENT");
  nodes.session.close();
});

Deno.test("a log that is taken slowly goes on where it was when its query was given up", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server), { history } = server.daemon.engine.state.admin;
  await fill(nodes, 1_200, 100);
  let total = 1_201;
  for (const last of [null, 900, 2_000]) {
    for (const backwards of [false, true]) {
      const numbers: number[] = [], count = Math.min(last ?? total, total);
      const expected = Array.from({ length: count }, (_, i) => total - i);
      for await (const answer of askDaemon(nodes, { ...ALL, backwards, last })) {
        if (answer.type !== "record") continue;
        numbers.push(answer.record.number);
        if (![3, 700, count].includes(numbers.length)) continue;
        history!.look(Infinity);
        // What comes meanwhile is not one of the last.
        if (last === null) continue;
        await nodes.write(`/new/${total++}`, new Uint8Array());
      }
      assertEquals(numbers, backwards ? expected : expected.reverse(), `${last} ${backwards}`);
    }
  }
  nodes.session.close();
});

Deno.test("a query that rests gives way to another one, and its log goes on where it was", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server), { history } = server.daemon.engine.state.admin;
  await fill(nodes, 1_200, 100);
  const { connection } = new Client(server.daemon.engine, 0);
  const ask = (now: number): string =>
    history!.query(connection, QUERY_VERSION, formatQuery(ALL), now);
  const before = performance.now(), logs: AsyncGenerator<Answer, void>[] = [];
  for (let i = 0; i < HISTORY_QUERIES_MAX; i++) {
    logs.push(askDaemon(nodes, ALL));
    await logs[i]!.next();
  }
  assertEquals(ask(before + HISTORY_REST_MS - 1), `busy ${HISTORY_QUERIES_MAX}`);
  for (let i = 0; i < HISTORY_QUERIES_MAX; i++) {
    assertMatch(ask(performance.now() + HISTORY_REST_MS + i), /^query \d+$/);
  }
  history!.forget(connection);
  for (const log of logs) {
    const numbers: number[] = [];
    for await (const answer of log) {
      if (answer.type === "record") numbers.push(answer.record.number);
    }
    assertEquals(numbers, Array.from({ length: 1_201 }, (_, i) => i + 1));
  }
  nodes.session.close();
});

Deno.test("only privileged clients may ask", async () => {
  await using server = await startRecorded();
  const query = `history\0query\0${QUERY_VERSION}\0${formatQuery(ALL)}\0`;
  const { engine } = server.daemon;
  assertMatch(new Client(engine, 0).ask(MessageType.CONTROL, query), /^CONTROL query \d+\0$/);
  assertEquals(new Client(engine, 7).ask(MessageType.CONTROL, query), "ERROR EACCES\0");
});

Deno.test("what is no query, or of another version, is refused in a line", async () => {
  await using server = await startRecorded();
  const nodes = await connect(server);
  assertEquals(
    await control(nodes, "query", "2", formatQuery(ALL)),
    "this daemon answers queries of version 1 (use the xs that belongs to it)",
  );
  for (const text of ["", "{}", "[1", '{"kind":"log"}']) {
    assertEquals(
      await control(nodes, "query", QUERY_VERSION, text),
      "it is no query (use the xs that belongs to this daemon)",
    );
  }
  for (const words of [[], ["query"], ["query", "1"], ["read"], ["drop", "1"], ["end", "1", "2"]]) {
    await assertRejects(() => control(nodes, ...words), XenstoreError, "EINVAL");
  }
  const [failed] = await answers(nodes, { ...ALL, last: 1e9 }).then((all) => all.slice(-1));
  assertEquals(failed, { type: "failure", text: "more than 250000 rows (ask for less)" });
  nodes.session.close();
});

async function fillBlocks({ history }: RecordedDaemon, nodes: Operations): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    // What compresses badly.
    const value = Uint8Array.from(
      { length: 200 },
      (_, at) => Math.imul(i + 1, at * at + 7_919) >> 5,
    );
    await nodes.write(`/p/${i % 50}/${i}`, value);
  }
  assert(history.closed.length > 5);
}

Deno.test("queries while blocks are pruned under them: what is left is answered, or a line says what is not", async () => {
  await using server = await startRecorded();
  const { history, socketPath } = server, nodes = await connect(server);
  await fillBlocks(server, nodes);
  const blocks = history.closed.length;
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: 0 });
  const numbers: number[] = [];
  const heads: Head[] = [];
  let isPruned = false;
  for await (const answer of askDaemon(nodes, ALL)) {
    if (answer.type === "head") heads.push(answer);
    if (answer.type !== "record") continue;
    numbers.push(answer.record.number);
    if (isPruned || numbers.length < 600) continue;
    isPruned = true;
    while (upkeep.step(Date.now() * 1_000));
  }
  assert(history.closed.length < blocks, "something was pruned");
  assert(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!));
  assertEquals(numbers.at(-1), history.last);
  // The first head is no longer true, and a second one says so.
  const [first, later, ...others] = heads;
  assertEquals([heads.length, others], [2, []]);
  assert(later!.completeAfter > first!.completeAfter);
  const missing = numbers.findIndex((number, i) => i > 0 && number > numbers[i - 1]! + 1);
  assert(missing > 0 && numbers[missing]! > later!.completeAfter, "all behind it is there");
  // A moment that begins before, and is asked for slowly, is known or said not to be.
  const { horizon } = history;
  assert(horizon!.number > 1);
  assertEquals(await failure(socketPath, "read", "--at", "2", "/p/1/1"), [
    1,
    `xs: read --at: #2 was pruned: the history begins after #${horizon!.number}\n`,
  ]);
  const log = await xs(socketPath, ["log"]);
  assertEquals([log.status, log.err], [0, ""]);
  assertMatch(
    log.out.split("\n")[0]!,
    new RegExp(
      `^-- the history begins at \\S+ \\S+, after #${
        horizon!.number
      }(, and is complete|; it is complete since \\S+ \\S+, after #\\d+)$`,
    ),
  );
  nodes.session.close();
});

/** What `xs log` prints, its status and its errors, when all old blocks are pruned after it has printed 600 lines. */
async function pruned(...args: string[]): Promise<[lines: string[], status: number, err: string]> {
  await using server = await startRecorded();
  const { history, socketPath } = server, nodes = await connect(server);
  await fillBlocks(server, nodes);
  nodes.session.close();
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: 0 }), lines: string[] = [];
  const write = (text: string): void => {
    for (const line of text.split("\n")) if (line !== "") lines.push(line);
    if (lines.length >= 600) { while (upkeep.step(Date.now() * 1_000)); }
  };
  const shell = fakeShell(["log", ...args], { env: { XENSTORED_PATH: socketPath } });
  const status = await runApp({ ...shell, stdout: { write } });
  assert(history.horizon!.number > 600);
  return [lines, status, shell.printed.err];
}

Deno.test("an export to git of which records are pruned before they are read fails, and says so", async () => {
  const [lines, status, err] = await pruned("--format", "git-fast-import");
  assertEquals([status, err], [
    1,
    "xs: log: the history was pruned meanwhile (try again)\n",
  ]);
  // Git takes no stream without its end.
  assertEquals(lines.at(-1) === "done", false);
});

Deno.test("xs log says at its end that older records were pruned while it was read", async () => {
  const [lines, ...outcome] = await pruned(), last = lines.at(-1)!;
  assertEquals([outcome, lines.length < 3_000], [[0, ""], true]);
  const text =
    /^-- older records were folded or pruned while this was read: it is complete since .*, after #(\d+)$/;
  assertMatch(last, text);
  assertMatch(lines[0]!, /^-- the history begins at .*, and is complete$/);
  assert(Number(text.exec(last)![1]) > 600);
  const [objects] = await pruned("--json");
  const json = objects.map((line) => JSON.parse(line));
  const [begin, end] = [json[0], json.at(-1)];
  assertEquals([begin.type, end.type], ["history", "history"]);
  assert(end.complete.number > begin.complete.number);
  const records = json.slice(1, -1).map(({ number }) => number);
  assert(records.every((number, i) => i === 0 || number > records[i - 1]));
});
