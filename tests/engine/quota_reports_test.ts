/** Which quota refuses a guest: told in the log, once in a while, and shown by CONTROL quota. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOG_TEXT_MAX, QUOTA_REPORT_MS } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Rig } from "./guest_rig.ts";

Deno.test("a guest that makes nodes until their parent is too large: the log names node-size and the parent", () => {
  const rig = new Rig();
  rig.guest(1, {});
  let made = 0;
  while (rig.ask(1, T.WRITE, `data/n${made}`, "") === "OK\0") made++;
  assertEquals(rig.reply, "ENOSPC\0");
  // Far fewer than the 1000 nodes that it may have.
  assert(made < 600, `${made}`);
  const [line, ...more] = rig.told();
  assertMatch(
    line!,
    /^warning: domain 1: quota node-size of 2048 refuses 20\d\d for \/local\/domain\/1\/data \(/,
  );
  assertEquals(more, []);
});

Deno.test("a refusal is told once in a while, for each quota and each guest", () => {
  const rig = new Rig();
  rig.guest(1, { watches: 1, "node-size": 100 });
  rig.guest(2, { watches: 1 });
  const refuse = (): void => {
    for (const domid of [1, 2]) {
      rig.ask(domid, T.WATCH, "data", "one");
      for (let i = 0; i < 50; i++) rig.ask(domid, T.WATCH, "data", `more ${i}`);
    }
    for (let i = 0; i < 50; i++) rig.ask(1, T.WRITE, "data/large", "x".repeat(200));
  };
  const expected = [
    "warning: domain 1: quota watches of 1 refuses 2",
    "warning: domain 2: quota watches of 1 refuses 2",
    "warning: domain 1: quota node-size of 100 refuses 224 for /local/domain/1/data/large " +
    "(its value, permissions and its children's names)",
  ];
  refuse();
  assertEquals(rig.told(), expected);
  rig.now += QUOTA_REPORT_MS - 1;
  refuse();
  assertEquals(rig.told(), []);
  rig.now += 1;
  refuse();
  assertEquals(rig.told(), expected);
});

Deno.test("a long path is cut, and no value is shown", () => {
  const rig = new Rig();
  rig.guest(1, {});
  const path = `data/${"p".repeat(50)}/${"q".repeat(50)}/${"r".repeat(900)}`;
  assertEquals(rig.ask(1, T.WRITE, path, ""), "OK\0");
  rig.ask(0, T.SET_QUOTA, "1", "node-size", "20");
  assertEquals(rig.ask(1, T.WRITE, path, "secret"), "ENOSPC\0");
  const line = rig.told().join("\n");
  assertMatch(line, /quota node-size/);
  assert(line.length < LOG_TEXT_MAX + 200, line);
  assert(!line.includes("secret"));
});

Deno.test("CONTROL quota of a domain shows what is used, its peak and the limit", () => {
  const rig = new Rig();
  rig.guest(1, { watches: 7, memory: 0 });
  rig.ask(1, T.WATCH, "data", "one");
  rig.ask(1, T.WATCH, "data", "two");
  rig.ask(1, T.UNWATCH, "data", "two");
  const report = rig.ask(0, T.CONTROL, "quota", "1");
  assertMatch(report, /^Domain 1:\n/);
  assertMatch(report, /^watches +: +1 used, +2 peak, +7 limit$/m);
  assertMatch(report, /^nodes +: +1 used, +1 peak, +1000 limit$/m);
  assertMatch(report, /^memory +: +\d+ used, +\d+ peak, +none limit$/m);
  assertMatch(report, /^node-size +: +- used, +- peak, +2048 limit$/m);
  const privileged = rig.ask(0, T.CONTROL, "quota", "0");
  assertMatch(privileged, /^nodes +: +\d+ used, +\d+ peak, +none limit$/m);
});

Deno.test("CONTROL quota set of a domain does what SET_QUOTA does", () => {
  const rig = new Rig();
  rig.guest(1, {});
  assertEquals(rig.ask(0, T.CONTROL, "quota", "set", "1", "watches", "300"), "OK\0");
  assertEquals(rig.ask(0, T.GET_QUOTA, "1", "watches"), "300\0");
  assertEquals(rig.ask(0, T.GET_QUOTA, "watches"), "128\0");
  for (
    const [args, code] of [
      [["1", "nonsense", "3"], "EINVAL"],
      [["1", "watches", "-1"], "EINVAL"],
      [["x", "watches", "3"], "EINVAL"],
      [["1", "watches", "3", "4"], "EINVAL"],
    ] as const
  ) {
    assertEquals(rig.ask(0, T.CONTROL, "quota", "set", ...args), `${code}\0`, args.join(" "));
    if (args.length === 3) assertEquals(rig.ask(0, T.SET_QUOTA, ...args), `${code}\0`);
  }
});

Deno.test("CONTROL quota set takes for all domains only what a quota can be, as SET_QUOTA does", () => {
  for (
    const [control, name, full] of [["quota", "nodes", "nodes"], [
      "quota-soft",
      "memory",
      "soft-memory",
    ]] as const
  ) {
    const rig = new Rig();
    for (const value of ["0", "-1", "x", "2147483648", "4294967296", "99999999999999999999"]) {
      assertEquals(rig.ask(0, T.CONTROL, control, "set", name, value), "EINVAL\0", value);
    }
    assertEquals(rig.ask(0, T.CONTROL, control, "set", name, "2147483647"), "OK\0");
    assertEquals(rig.ask(0, T.GET_QUOTA, full), "2147483647\0");
  }
});
