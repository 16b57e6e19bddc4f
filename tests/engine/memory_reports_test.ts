/** What the log says of guests that use much memory. */
import { assertEquals, assertMatch } from "@std/assert";
import { MEMORY_REPORT_MS } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Rig } from "./guest_rig.ts";

/** The lines about memory, which are in C xenstored's words, since the last look. */
function told(rig: Rig): string[] {
  return rig.told().filter((line) => /^\w+: Domain \d+ /.test(line));
}

Deno.test("A guest's memory over its soft quota is told once, and when it is below again", () => {
  const rig = new Rig();
  rig.guest(1, { "soft-memory": 800 });
  rig.fill(400);
  assertEquals(told(rig), []);
  rig.fill(900);
  const [line, ...others] = told(rig);
  assertMatch(line!, /^warning: Domain 1 exceeds soft memory quota: \d+ bytes of 800$/);
  assertEquals(others, []);
  rig.now += 2 * MEMORY_REPORT_MS;
  rig.fill(1200);
  assertEquals(told(rig), []);
  rig.fill(10);
  assertMatch(
    told(rig).join(),
    /^info: Domain 1 below soft memory quota again: \d+ bytes of 800$/,
  );
});

Deno.test("A guest that goes up and down is told of every ten seconds at most", () => {
  const rig = new Rig();
  rig.guest(1, { "soft-memory": 800 });
  rig.fill(900);
  assertEquals(told(rig).length, 1);
  for (let i = 0; i < 100; i++) {
    rig.now += MEMORY_REPORT_MS / 200;
    rig.fill(i % 2 === 0 ? 10 : 900);
  }
  rig.fill(10);
  assertEquals(told(rig), []);
  rig.now += MEMORY_REPORT_MS;
  // Nothing has changed since, but it was not told yet.
  assertEquals(rig.ask(1, T.READ, "data/a"), "x".repeat(10));
  assertMatch(told(rig).join(), /^info: Domain 1 below soft memory quota again/);
});

Deno.test("A soft quota of 0, or memory equal to it, is nothing to tell", () => {
  const rig = new Rig();
  rig.guest(1, { "soft-memory": 0 });
  rig.fill(1500);
  assertEquals(told(rig), []);
  const report = rig.ask(0, T.CONTROL, "quota", "1");
  const memory = Number(/memory +: +(\d+)/.exec(report)![1]);
  rig.ask(0, T.SET_QUOTA, "1", "soft-memory", `${memory + 1}`);
  rig.fill(1501);
  assertEquals(told(rig), []);
  rig.fill(1502);
  assertEquals(told(rig).length, 1);
});

Deno.test("What the privileged writes into a guest's nodes is told at the guest's next request", () => {
  const rig = new Rig();
  rig.guest(1, { "soft-memory": 800 });
  rig.ask(0, T.WRITE, "/local/domain/1/data", "x".repeat(1500));
  assertEquals(told(rig), []);
  rig.ask(1, T.READ, "data");
  assertMatch(told(rig).join(), /exceeds soft memory quota/);
});

Deno.test("A guest refused for its memory is told of once, and when it has room again", () => {
  const rig = new Rig();
  rig.guest(1, { "memory": 1000 });
  for (let i = 0; i < 3; i++) assertEquals(rig.fill(1500), "ENOMEM\0");
  assertEquals(told(rig), [
    "warning: Domain 1 exceeds hard memory quota: more than 1000 bytes are refused",
  ]);
  rig.now += MEMORY_REPORT_MS;
  assertEquals(rig.fill(10), "OK\0");
  assertMatch(told(rig).join(), /^info: Domain 1 below hard memory quota again: \d+ bytes$/);
});

Deno.test("The next domain of the same domid is told of anew", () => {
  const rig = new Rig();
  rig.guest(1, { "soft-memory": 800 });
  rig.fill(900);
  assertEquals(told(rig).length, 1);
  rig.ask(0, T.RELEASE, "1");
  rig.guest(1, { "soft-memory": 800 });
  rig.fill(900);
  assertEquals(told(rig).length, 1);
});

Deno.test("XSA-483: what was counted and told of a dead domain is not so of the next of its domid", () => {
  const rig = new Rig();
  for (const life of [1, 2]) {
    rig.guest(1, { memory: 500 });
    assertEquals(rig.peak(1), 1, `life ${life}`);
    assertEquals(rig.fill(20, "a/b/c"), "OK\0");
    assertEquals(rig.fill(600), "ENOMEM\0");
    assertEquals(told(rig), [
      "warning: Domain 1 exceeds hard memory quota: more than 500 bytes are refused",
    ]);
    assertEquals(rig.peak(1), 4);
    rig.kill(1);
  }
});
