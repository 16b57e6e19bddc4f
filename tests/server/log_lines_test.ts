/** Lines of the log that clients cause outside of the engine have the budget of who caused them. */
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Connection } from "../../lib/engine/connection.ts";
import { LOG_LINES_BURST, LOG_LINES_PER_SECOND, RING_OUTPUT_BYTES_MAX } from "../../lib/limits.ts";
import { budgeted } from "../../lib/server/logging/daemon_log_budget.ts";
import { OutstandingRequests } from "../../lib/server/peer/outstanding_requests.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import { TestTurns } from "../support/test_turns.ts";

const SECONDS = 20, A_SECOND = 20;

Deno.test("log lines: what domains cause is bounded for each, errors and warnings", () => {
  const test = new TestTurns();
  for (let i = 0; i < SECONDS * A_SECOND; i++) {
    test.turns.turn(i * 1_000 / A_SECOND);
    test.turns.tell("warning", 5, "it floods");
    test.turns.tell("error", 6, "it floods, too");
  }
  for (const text of ["warning: it floods", "error: it floods, too"]) {
    const lines = test.log.filter((line) => line.startsWith(text));
    const most = LOG_LINES_BURST + SECONDS * LOG_LINES_PER_SECOND;
    assert(lines.length <= most && lines.length >= most - 2, `${lines.length} lines`);
  }
});

/** The peer of a guest's stream, and the far end, which reads what it is told to. */
function guestOf(test: TestTurns, domid: number): { peer: Peer; readAll: () => void } {
  const [near, far] = MemoryTransport.pair();
  const peer = new Peer("ring", domid, near, test.turns);
  near.onChange = () => test.turns.ready(peer);
  const label = `domain ${domid}`;
  const spec = { kind: "ring", domid, label, outbox: peer } as const;
  peer.connection = new Connection(domid, false, `/local/domain/${domid}`, spec);
  const buffer = new Uint8Array(65_536);
  const readAll = (): void => {
    do peer.flush(); while (far.read(buffer, 0, buffer.length) > 0);
  };
  return { peer, readAll };
}

/** Events until no more are kept for the guest. */
function fill(peer: Peer): void {
  const path = `/${"p".repeat(4_000)}`;
  for (let i = 0; i < RING_OUTPUT_BYTES_MAX / 4_000; i++) peer.event(`${path}${i}`, "t");
}

Deno.test("log lines: events dropped for a guest are lines at its own expense", () => {
  const test = new TestTurns();
  const { peer, readAll } = guestOf(test, 5);
  const most = LOG_LINES_BURST + 5 * LOG_LINES_PER_SECOND;
  for (let i = 0; i < 5 * A_SECOND; i++) {
    test.turns.turn(i * 1_000 / A_SECOND);
    fill(peer);
    // It reads all, so that the next dropping is news.
    readAll();
    assertEquals(peer.unsent, 0);
  }
  assert(test.log.length <= most && test.log.length >= most - 2, `${test.log.length} lines`);
  assertStringIncludes(test.log[0]!, "domain 5: watch events dropped: 1048576 bytes are unread");
});

Deno.test("log lines: what a guest's request does to another client is a line at that guest's", () => {
  const test = new TestTurns();
  const { peer: attacker } = guestOf(test, 6), { peer: victim } = guestOf(test, 7);
  for (let i = 0; i < LOG_LINES_BURST; i++) test.turns.tell("warning", 6, "it has said much");
  test.log.length = 0;
  test.turns.cause = new OutstandingRequests(attacker.connection, () => {});
  test.turns.warn(victim, "watch events dropped");
  assertEquals(test.log, []);
  test.turns.cause = null;
  test.turns.warn(victim, "watch events dropped");
  assertEquals(test.log, ["warning: domain 7: watch events dropped"]);
});

Deno.test("log lines: a part of the daemon that nobody can be charged for has a budget, too", () => {
  const lines: string[] = [], clock = new SimulatedClock();
  const log = budgeted((level, text) => void lines.push(`${level}: ${text}`), clock);
  for (let i = 0; i < 1_000; i++) log("warning", "the disk is full, and is not");
  assertEquals(lines.length, LOG_LINES_BURST);
  clock.advance(1_000 / LOG_LINES_PER_SECOND);
  for (let i = 0; i < 1_000; i++) log("warning", "the disk is full, and is not");
  assertEquals(lines.length, LOG_LINES_BURST + 1);
  assertEquals(lines[0], "warning: the disk is full, and is not");
});

Deno.test("log lines: the store's files, the trace and held descriptors log through such a budget", () => {
  const sources = [
    "server/persistence/persistence.ts",
    "server/logging/trace.ts",
    "server/supervision/descriptor_store.ts",
  ];
  for (const path of sources) {
    const text = Deno.readTextFileSync(new URL(`../../lib/${path}`, import.meta.url));
    assertStringIncludes(text, "budgeted(log, clock)", path);
  }
});
