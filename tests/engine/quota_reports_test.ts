/** Which quota refuses a guest: told in the log, once in a while, and shown by CONTROL quota. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOG_TEXT_MAX, QUOTA_LINES_BURST, QUOTA_LINES_PER_SECOND } from "../../lib/limits.ts";
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
  const path = `/local/domain/1/data/n${made}`;
  assertMatch(
    line!,
    new RegExp(
      `^warning: domain 1: quota node-size of 2048 refuses ${path}: ` +
        "the directory /local/domain/1/data would have 20\\d\\d bytes \\(",
    ),
  );
  assertEquals(more, []);
});

Deno.test("each refusal is a line with the domain's name and how often, as far as its budget goes", () => {
  const rig = new Rig();
  rig.guest(1, { watches: 1, "node-size": 100 });
  rig.guest(2, { watches: 1 });
  rig.ask(0, T.WRITE, "/local/domain/1/name", "web1");
  for (const domid of [1, 2]) rig.ask(domid, T.WATCH, "data", "one");
  const refuse = (domid: number, times: number): string[] => {
    for (let i = 0; i < times; i++) rig.ask(domid, T.WATCH, "data", `more ${i}`);
    return rig.told();
  };
  const start = "warning: domain 1 (web1): quota watches of 1 refuses /local/domain/1/data: " +
    "the domain would have 2 watches; ";
  assertEquals(refuse(1, 2), [`${start}the first time`, `${start}2 times so far`]);
  assertEquals(refuse(1, 50).length, QUOTA_LINES_BURST - 2);
  rig.now += 1_000 / QUOTA_LINES_PER_SECOND;
  const leftOut = 52 - QUOTA_LINES_BURST;
  assertEquals(refuse(1, 1), [`${start}53 times so far (${leftOut} more lines left out)`]);
  // Another domain has a budget of its own, and so have other warnings about this one.
  assertEquals(refuse(2, 1).length, 1);
  rig.ask(1, T.WRITE, "data/large", "x".repeat(200));
  assertEquals(rig.told(), []);
  rig.now += 1_000 / QUOTA_LINES_PER_SECOND;
  rig.ask(1, T.WRITE, "data/large", "x".repeat(200));
  assertEquals(rig.told(), [
    "warning: domain 1 (web1): quota node-size of 100 refuses /local/domain/1/data/large: it would have " +
    "224 bytes (its value, permissions and its children's names); 2 times so far (1 more line left out)",
  ]);
});

Deno.test("every quota that refuses says which it is, for what, and is counted", () => {
  const rig = new Rig();
  const quotas = {
    nodes: 1,
    watches: 1,
    memory: 100,
    transactions: 1,
    "transaction-nodes": 2,
    "node-permissions": 1,
    "path-max": 40,
    "node-size": 60,
  };
  const all: Readonly<Record<string, readonly [() => void, RegExp]>> = {
    nodes: [() => void rig.ask(1, T.MKDIR, "data/x"), /data\/x: the domain would have 2 nodes/],
    watches: [() => {
      rig.ask(1, T.WATCH, "data", "one");
      rig.ask(1, T.WATCH, "data", "two");
    }, /data: the domain would have 2 watches/],
    memory: [() => void rig.ask(1, T.WRITE, "data", "x".repeat(500)), /data: .* \d+ bytes/],
    transactions: [() => {
      rig.ask(1, T.TRANSACTION_START, "");
      rig.ask(1, T.TRANSACTION_START, "");
    }, /a request: the domain would have 2 open transactions/],
    "transaction-nodes": [() => {
      rig.ask(1, T.TRANSACTION_START, "");
      for (const name of ["a", "b"]) rig.askIn(1, 1, T.READ, `data/${name}`);
    }, /data\/\w: the transaction would touch 3 nodes/],
    "node-permissions": [
      () => void rig.ask(1, T.SET_PERMS, "data", "n1", "r2", "r3"),
      /refuses data: it would have 3 permissions/,
    ],
    "path-max": [() => void rig.ask(1, T.READ, `data/${"x".repeat(60)}`), /the path has \d+ char/],
    "node-size": [
      () => void rig.ask(1, T.WRITE, "data", "x".repeat(500)),
      /data: it would have \d+ bytes/,
    ],
  };
  for (const [quota, [refuse, text]] of Object.entries(all)) {
    rig.guest(1, { [quota]: quotas[quota as keyof typeof quotas] });
    refuse();
    const line = rig.told().find((told) => told.includes(`: quota ${quota} of `));
    assertMatch(line ?? "", text, quota);
    const { rows: [, row] } = JSON.parse(rig.ask(0, T.CONTROL, "status", "domains").slice(0, -1));
    assertEquals([row.domid, row.quotas[quota].refused], [1, 1], quota);
    rig.kill(1);
    rig.now += 1e6;
  }
});

Deno.test("a commit that outgrows a node only together with others' changes is no refusal by the quota", () => {
  const rig = new Rig();
  rig.guest(1, { "node-size": 60 });
  rig.ask(1, T.TRANSACTION_START, "");
  rig.askIn(1, 1, T.MKDIR, `data/${"a".repeat(20)}`);
  rig.ask(1, T.MKDIR, `data/${"b".repeat(20)}`);
  assertEquals(rig.askIn(1, 1, T.TRANSACTION_END, "T"), "EAGAIN\0");
  assertEquals(rig.told().filter((line) => line.includes("quota")), []);
});

Deno.test("a long path is cut, and no value is shown", () => {
  const rig = new Rig();
  rig.guest(1, {});
  const path = `data/${"p".repeat(50)}/${"q".repeat(50)}/${"r".repeat(900)}`;
  assertEquals(rig.ask(1, T.WRITE, path, ""), "OK\0");
  rig.ask(0, T.SET_QUOTA, "1", "node-size", "20");
  assertEquals(rig.ask(1, T.WRITE, path, "secret"), "ENOSPC\0");
  const line = rig.told().at(-1)!;
  assertMatch(line, /^warning: .*quota node-size/);
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
