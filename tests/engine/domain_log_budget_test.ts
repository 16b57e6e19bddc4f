/** What clients can do to the log: so many lines, none of them long, none with a value. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../support/engine_client.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { cutForLog, DomainLogBudgets, LogBudget } from "../../lib/engine/domain_log_budget.ts";
import {
  CONFLICT_LINES_BURST,
  CONFLICT_LINES_PER_SECOND,
  LOG_BUDGETS_MAX,
  LOG_LINES_BURST,
  LOG_LINES_PER_SECOND,
  LOG_TEXT_MAX,
  PRIVILEGED_LOG_LINES_BURST,
  PRIVILEGED_LOG_LINES_PER_SECOND,
  UNPRIVILEGED_LOG_LINES_BURST,
  UNPRIVILEGED_LOG_LINES_PER_SECOND,
} from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";

/** The most that a line about a commit can have: a path or permissions, cut, in four places. */
const LINE_BYTES_MAX = 4 * (LOG_TEXT_MAX + 30) + 200;

/** An engine with a log and a clock that a test moves. */
class Rig {
  readonly log: string[] = [];
  now = 1_000;
  #writes = 1_000;
  readonly #clients = new Map<number, Client>();
  readonly engine = new Engine({
    domains: {
      info: (domid) => ({ domid, state: 1, uniqueId: BigInt(domid) }),
      open: () => 8,
      reset: () => {},
      close: () => {},
    },
    log: (level, text) => void this.log.push(`${level}: ${text}`),
  });

  ask(domid: number, type: number, payload: string, txId = 0): string {
    const client = this.#client(domid);
    client.handle(type, payload, txId, this.now);
    return client.text;
  }

  #client(domid: number): Client {
    let client = this.#clients.get(domid);
    if (client === undefined) {
      const label = domid === 0 ? "socket 7 (pid 9 xl)" : `domain ${domid}`;
      client = new Client(this.engine, domid, { label });
      this.#clients.set(domid, client);
      if (domid !== 0) this.engine.state.domains.know(domid);
    }
    return client;
  }

  #leave(domid: number): void {
    const client = this.#clients.get(domid);
    if (client !== undefined) this.engine.disconnect(client.connection);
    this.#clients.delete(domid);
  }

  /** A node that the guest may write. */
  give(domid: number, path: string): void {
    this.ask(domid, T.READ, "/\0");
    this.ask(0, T.WRITE, `${path}\0`);
    this.ask(0, T.SET_PERMS, `${path}\0n${domid}\0`);
  }

  /** A commit of `reader` that `writer` is in the way of. */
  collide(reader: number, writer: number, path: string, value = "x"): void {
    // A client that has been refused twice reserves what it reads; another one does not.
    if (reader === 0) this.#leave(0);
    const tx = Number(this.ask(reader, T.TRANSACTION_START, "\0").slice(0, -1));
    this.ask(reader, T.READ, `${path}\0`, tx);
    this.ask(reader, T.WRITE, `${path}/mine\0`, tx);
    this.ask(writer, T.WRITE, `${path}\0${value}${++this.#writes}`);
    assertEquals(this.ask(reader, T.TRANSACTION_END, "T\0", tx), "EAGAIN\0");
  }

  bytes(): number {
    return this.log.reduce((sum, line) => sum + line.length, 0);
  }
}

const SECONDS = 30, A_SECOND = 50;

/** Does something again and again; what the log then took must be within the budget. */
function flood(
  rig: Rig,
  burst: number,
  perSecond: number,
  act: (i: number) => void,
): void {
  rig.log.length = 0;
  for (let i = 0; i < SECONDS * A_SECOND; i++) {
    rig.now += 1_000 / A_SECOND;
    act(i);
  }
  const most = burst + SECONDS * perSecond;
  assert(rig.log.length <= most, `${rig.log.length} lines`);
  assert(rig.log.length >= Math.min(most, SECONDS * A_SECOND) - 1, `${rig.log.length} lines only`);
  assert(rig.bytes() <= most * LINE_BYTES_MAX, `${rig.bytes()} bytes`);
}

/** The lines of a flood, with those that they say were left out. */
function accountedFor(log: readonly string[]): number {
  return log.reduce((sum, line) => {
    return sum + 1 + Number(/ \((\d+) more lines? left out\)$/.exec(line)?.[1] ?? 0);
  }, 0);
}

const LONG = `/${"p".repeat(1_900)}`;

Deno.test("log budget: a guest's own refused commits", () => {
  const rig = new Rig();
  rig.give(1, LONG);
  flood(rig, LOG_LINES_BURST, LOG_LINES_PER_SECOND, () => rig.collide(1, 1, LONG));
  // What was left out since the last line is told with the next one.
  const told = accountedFor(rig.log);
  assert(told > (SECONDS - 1) * A_SECOND && told <= SECONDS * A_SECOND, `${told} accounted for`);
});

Deno.test("log budget: dom0's refused commits that a guest causes are the guest's", () => {
  const rig = new Rig();
  rig.give(1, LONG);
  flood(rig, LOG_LINES_BURST, LOG_LINES_PER_SECOND, () => rig.collide(0, 1, LONG));
  // Neither another guest nor dom0 itself is heard less for it.
  rig.give(2, "/two");
  rig.log.length = 0;
  rig.collide(0, 2, "/two");
  rig.collide(2, 0, "/two");
  rig.collide(0, 0, "/two");
  assertEquals(rig.log.length, 3);
});

Deno.test("log budget: refused commits of one client of dom0 that another one causes", () => {
  const rig = new Rig();
  rig.ask(0, T.WRITE, "/a\0");
  rig.log.length = 0;
  flood(rig, CONFLICT_LINES_BURST, CONFLICT_LINES_PER_SECOND, () => rig.collide(0, 0, "/a"));
  rig.now += 1_000 / CONFLICT_LINES_PER_SECOND;
  rig.collide(0, 0, "/a");
  assertEquals(accountedFor(rig.log), SECONDS * A_SECOND + 1);
});

Deno.test("log budget: all that dom0 causes", () => {
  const budgets = new DomainLogBudgets(0);
  let lines = 0;
  for (let i = 0; i < SECONDS * A_SECOND; i++) {
    if (budgets.take("info", 0, i * 1_000 / A_SECOND) !== null) lines++;
  }
  const most = PRIVILEGED_LOG_LINES_BURST + SECONDS * PRIVILEGED_LOG_LINES_PER_SECOND;
  assert(lines <= most && lines >= most - 1, `${lines} lines`);
});

Deno.test("log budget: many guests together", () => {
  const rig = new Rig();
  const guests = 60;
  for (let domid = 1; domid <= guests; domid++) rig.give(domid, `${LONG}${domid}`);
  flood(rig, UNPRIVILEGED_LOG_LINES_BURST, UNPRIVILEGED_LOG_LINES_PER_SECOND, (i) => {
    const domid = 1 + i % guests;
    rig.collide(domid, domid, `${LONG}${domid}`);
  });
});

Deno.test("log budget: domids that come anew each time", () => {
  const budgets = new DomainLogBudgets(0);
  let lines = 0;
  for (let i = 0; i < 60_000; i++) if (budgets.take("info", 1 + i, 0) !== null) lines++;
  assertEquals(lines, UNPRIVILEGED_LOG_LINES_BURST);
  assert(LOG_BUDGETS_MAX < 60_000);
});

Deno.test("log budget: a guest's memory at its quotas", () => {
  const rig = new Rig();
  rig.give(1, "/a");
  const { quotas } = rig.engine.state.domains.get(1)!;
  rig.log.length = 0;
  let lines = 0;
  for (let i = 0; i < 2_000; i++) {
    rig.now += 20;
    quotas.set("soft-memory", i % 2 === 0 ? 1 : 1_000_000);
    rig.ask(1, T.WRITE, `/a\0${"v".repeat(i % 2)}`);
    lines = rig.log.length;
  }
  assert(lines <= LOG_LINES_BURST + 40 * LOG_LINES_PER_SECOND, `${lines} lines`);
});

Deno.test("log budget: a warning is not hidden by a flood of lesser lines", () => {
  const budgets = new DomainLogBudgets(0);
  for (let i = 0; i < 10_000; i++) budgets.take("info", 1, 0);
  assertEquals(budgets.take("info", 1, 0), null);
  assertEquals(budgets.take("warning", 1, 0), "");
});

Deno.test("log budget: a refused commit is explained without values", () => {
  const rig = new Rig();
  rig.give(1, "/a");
  rig.log.length = 0;
  rig.collide(0, 1, "/a", "hunter2");
  assertEquals(rig.log, [
    "info: EAGAIN for transaction 1 of socket 7 (pid 9 xl): " +
    "value of /a: saw 0 bytes, now 11 bytes, changed by domain 1",
  ]);
});

Deno.test("log budget: paths and permissions are cut", () => {
  const rig = new Rig();
  rig.give(1, LONG);
  rig.log.length = 0;
  rig.collide(1, 1, LONG);
  assertMatch(rig.log[0]!, /value of \/p{199}\.\.\. \(1901 characters\): saw/);
  const perms = Array.from({ length: 300 }, (_, i) => `r${i + 1}`).join("\0");
  const tx = Number(rig.ask(0, T.TRANSACTION_START, "\0").slice(0, -1));
  rig.ask(0, T.GET_PERMS, `${LONG}\0`, tx);
  rig.ask(0, T.WRITE, "/b\0", tx);
  assertEquals(rig.ask(0, T.SET_PERMS, `${LONG}\0n0\0${perms}\0`), "OK\0");
  assertEquals(rig.ask(0, T.TRANSACTION_END, "T\0", tx), "EAGAIN\0");
  assert(rig.log[1]!.length < LINE_BYTES_MAX, rig.log[1]);
  assertEquals(cutForLog("x".repeat(LOG_TEXT_MAX)), "x".repeat(LOG_TEXT_MAX));
  assertEquals(cutForLog("x".repeat(LOG_TEXT_MAX + 1)).slice(LOG_TEXT_MAX), "... (201 characters)");
});

Deno.test("log budget: what is left out is counted, and time gives lines back", () => {
  const budget = new LogBudget(2, 1);
  const taken = [0, 0, 0, 0, 500, 1_000, 1_500, 9_000, 9_000, 9_000].map((now) => budget.take(now));
  assertEquals(taken, [
    "",
    "",
    null,
    null,
    null,
    " (3 more lines left out)",
    null,
    " (1 more line left out)",
    "",
    null,
  ]);
});
