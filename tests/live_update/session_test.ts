/** The course of a live update as the operator and the others see it: the engine alone. */
import { assertEquals } from "@std/assert";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { SessionRig } from "./session_rig.ts";

/** Commands of one connection after the other, each with its reply; "..." is none yet. */
const STEPS: readonly (readonly [name: string, ...rows: (readonly [string[], string])[]])[] = [
  [
    "a file that is not there begins nothing",
    [["op", "-f", "/missing"], "File not accessible."],
    [["op", "-s"], "Not in live-update session."],
    [["op", "-a"], "No live-update session active."],
  ],
  [
    "there is one session, of one connection",
    [["op", "-f", "/new"], "OK"],
    [["op", "-f", "/new"], "live-update session already active."],
    [["other", "-f", "/new"], "live-update session already active."],
    [["other", "-c", "--x"], "Not in live-update session."],
    [["other", "-s"], "Not in live-update session."],
    [["op", "-c", "--x"], "OK"],
    [["op", "-s", "-t", "5"], "..."],
  ],
  [
    "anybody ends it",
    [["op", "-f", "/new"], "OK"],
    [["other", "-a"], "OK"],
    [["other", "-a"], "No live-update session active."],
    [["op", "-s"], "Not in live-update session."],
  ],
  [
    "versions of the stream",
    [["op", "-f", "/new"], "OK"],
    [["op", "-s", "-v", "0"], "Migration stream version not supported."],
    [["op", "-s", "-v", "3"], "Migration stream version not supported."],
    [["op", "-s", "-v"], "!EINVAL"],
    [["op", "-s", "-v", "1"], "..."],
    [["op", "-s"], "BUSY"],
    [["op", "-c", "--x"], "BUSY"],
  ],
];

for (const [name, ...rows] of STEPS) {
  Deno.test(`live update: ${name}`, () => {
    const rig = new SessionRig();
    for (const [[who, ...words], reply] of rows) {
      assertEquals(rig.control(who!, ...words), reply, words.join(" "));
    }
  });
}

Deno.test("live update: the daemon gets the whole order, and nothing waits before the trial", () => {
  const rig = new SessionRig();
  rig.control("op", "-f", "/new");
  rig.control("op", "-c", "serve --x");
  rig.control("op", "-s", "-v", "1");
  assertEquals(rig.orders, [{ file: "/new", commandLine: "serve --x", version: 1 }]);
  assertEquals(rig.ask("g1", "TRANSACTION_START", "."), "1");
  rig.wait(100);
  assertEquals(rig.asked, ["tryOut"]);
});

Deno.test("live update: a trial that fails is told, and the session is over", () => {
  const rig = new SessionRig();
  rig.control("op", "-f", "/new");
  rig.control("op", "-s");
  rig.engine.state.liveUpdate.tried("It does not run.");
  assertEquals(rig.take("op").at(-1), "2:It does not run.");
  assertEquals(rig.control("op", "-a"), "No live-update session active.");
});

Deno.test("live update: without transactions it is time at once", () => {
  const rig = new SessionRig();
  rig.waitFor();
  assertEquals(rig.asked, ["tryOut", "handOver"]);
  assertEquals(rig.take("op"), []);
  const reply = rig.engine.state.liveUpdate.pendingReplyOf(rig.client("op").connection)!;
  assertEquals([reply[0], reply[4], toText(reply, 16)], [MessageType.CONTROL, 2, "OK\0"]);
  assertEquals(rig.engine.state.liveUpdate.pendingReplyOf(rig.client("g1").connection), null);
});

Deno.test("live update: it waits for transactions to end", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.waitFor("-t", "10");
  rig.wait(9);
  assertEquals(rig.asked, ["tryOut"]);
  assertEquals(rig.ask("g1", "TRANSACTION_END", "T.", 1), "OK");
  rig.wait(0.1);
  assertEquals(rig.asked, ["tryOut", "handOver"]);
});

Deno.test("live update: those whose transactions take too long are named", () => {
  const rig = new SessionRig();
  rig.ask("g7", "TRANSACTION_START", ".");
  rig.wait(3);
  rig.ask("s", "TRANSACTION_START", ".");
  rig.waitFor("-t", "2");
  rig.wait(2.5);
  const text = "Domains with long running transactions:\nDomain 7: 5 s\nDomain 0: 2 s";
  assertEquals(rig.take("op"), [`4:${text}`]);
  assertEquals(rig.asked, ["tryOut", "drop"]);
});

Deno.test("live update: new transactions of those who have one can overlap for ever", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.waitFor("-t", "2");
  rig.wait(1);
  assertEquals(rig.ask("g1", "TRANSACTION_START", "."), "2");
  rig.ask("g1", "TRANSACTION_END", "F.", 1);
  rig.wait(1.5);
  assertEquals(rig.take("op"), ["3:Overlapping transactions"]);
});

Deno.test("live update: by force it goes on when the time is over", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.wait(1);
  rig.ask("s", "TRANSACTION_START", ".");
  rig.waitFor("-t", "3", "-F");
  rig.wait(2);
  // That of the socket is not old enough.
  assertEquals(rig.asked, ["tryOut"]);
  rig.wait(1);
  assertEquals(rig.asked, ["tryOut", "handOver"]);
});

Deno.test("live update: by force all old transactions do not even delay it", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.wait(30);
  rig.waitFor("-t", "20", "-F");
  assertEquals(rig.asked, ["tryOut", "handOver"]);
});

Deno.test("live update: starts of transactions wait, of domain 0's kernel aside", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.waitFor("-t", "10");
  for (const name of ["g2", "s"]) {
    assertEquals(rig.ask(name, "TRANSACTION_START", "."), "held", name);
  }
  // The kernel speaks for many, and the operator may give up.
  for (const name of ["k", "op"]) {
    assertEquals(rig.ask(name, "TRANSACTION_START", "."), "deferred", name);
    assertEquals(rig.ask(name, "READ", "/."), "", name);
  }
  // There is no such transaction within which it could be started.
  assertEquals(rig.ask("g2", "TRANSACTION_START", ".", 9), "!ENOENT");
  assertEquals(rig.ask("g3", "WRITE", "a.x"), "!EACCES");
  assertEquals(rig.engine.state.liveUpdate.parking, true);
  assertEquals(rig.control("other", "-a"), "OK");
  assertEquals([rig.engine.state.liveUpdate.parking, rig.engine.due], [false, true]);
  assertEquals(rig.take("op").at(-1), "3:Cancellation was requested");
  assertEquals(rig.ask("g2", "TRANSACTION_START", "."), "1");
});

Deno.test("live update: the operator may give up while waiting, and others go on", () => {
  const rig = new SessionRig();
  rig.ask("g1", "TRANSACTION_START", ".");
  rig.waitFor("-t", "10");
  assertEquals(rig.ask("op", "READ", "/."), "");
  assertEquals(rig.control("op", "-s"), "BUSY");
  assertEquals(rig.control("op", "-a"), "OK");
  assertEquals(rig.asked, ["tryOut", "drop"]);
  assertEquals(rig.ask("g2", "TRANSACTION_START", "."), "1");
});

for (const phase of ["prepared", "trying", "waiting"] as const) {
  Deno.test(`live update: a session that is ${phase} ends with its connection`, () => {
    const rig = new SessionRig();
    rig.ask("g1", "TRANSACTION_START", ".");
    rig.control("op", "-f", "/new");
    if (phase !== "prepared") rig.control("op", "-s", "-t", "9");
    if (phase === "waiting") rig.engine.state.liveUpdate.tried(null);
    assertEquals(rig.engine.state.liveUpdate.parking, phase === "waiting");
    rig.engine.disconnect(rig.client("op").connection);
    assertEquals([rig.engine.state.liveUpdate.parking, rig.engine.due], [false, true]);
    assertEquals(rig.asked, phase === "prepared" ? [] : ["tryOut", "drop"]);
    assertEquals(rig.control("other", "-f", "/new"), "OK");
  });
}

Deno.test("live update: a failure at the last moment is told, and all go on", () => {
  const rig = new SessionRig();
  rig.waitFor();
  assertEquals(rig.ask("g1", "TRANSACTION_START", "."), "held");
  rig.engine.state.liveUpdate.fail("Error activating new binary.");
  assertEquals(rig.take("op"), ["2:Error activating new binary."]);
  assertEquals([rig.engine.state.liveUpdate.parking, rig.engine.due], [false, true]);
  assertEquals(rig.ask("g1", "TRANSACTION_START", "."), "1");
});
