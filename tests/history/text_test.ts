/** Records as people and programs read them. */
import { assert, assertEquals } from "@std/assert";
import { recordJson } from "../../lib/history/json.ts";
import type { Zone } from "../../lib/history/points.ts";
import type { Abort, Commit, HistoryRecord } from "../../lib/history/record.ts";
import { manyLines, oneLine } from "../../lib/history/text.ts";
import { jsonLine } from "../../lib/wire/json.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { roundsOf, withSeed } from "../support/random.ts";
import { RandomHistory } from "./random_history.ts";
import { textNode } from "./support.ts";

const UTC: Zone = {
  dayOf: (ms) => {
    const date = new Date(ms);
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  },
  instant: ({ day, month, year }, msOfDay) => Date.UTC(year, month - 1, day) + msOfDay,
};

const AT = Date.parse("2026-05-04T14:03:10.250Z") * 1_000 + 7;

const WRITE: Commit = {
  type: "commit",
  number: 1_234,
  at: AT,
  author: { kind: "domain", domid: 5, uniqueId: 77n, name: "web\x1b[31m\n" },
  kind: "write",
  operations: 1,
  detail: "",
  changes: [{
    path: "/local/domain/5/data/x",
    old: textNode("before"),
    new: { value: toBytes("\x1b]0;evil\x07\xc3\xa9\xff"), perms: [0, 0x10005] },
    count: 1,
    first: 1_234,
    firstAt: AT,
  }],
  moved: 0,
  isKeyframe: false,
};

const FOLDED: Commit = {
  ...WRITE,
  author: { kind: "process", domid: 0, pid: 812, startTime: 9, uid: 0, command: "/usr/sbin/xl" },
  kind: "transaction",
  operations: 3,
  changes: [
    {
      path: "/a",
      old: { value: { redacted: 9 }, perms: [0] },
      new: null,
      count: 40,
      first: 7,
      firstAt: 0,
    },
    { ...WRITE.changes[0]!, path: "/b", old: null, new: textNode("x".repeat(50)) },
  ],
  moved: 2,
};

const ABORT: Abort = {
  type: "abort",
  number: 9,
  at: AT,
  author: { kind: "daemon" },
  operations: 3,
  path: "/a",
  facet: "value",
  seen: "0 bytes",
  there: "7 bytes",
  by: "domain 5",
  count: 2,
  first: 3,
  firstAt: 0,
};

Deno.test("a record on one line, and on several", () => {
  const rows: [HistoryRecord, string[]][] = [
    [WRITE, [
      "#1234 2026-05-04 14:03:10.250 domain 5 (web\\u001b[31m\\u000a): write " +
      '/local/domain/5/data/x "before" (n0) -> "\\u001b]0;evil\\u0007é\\xff" (n0,r5)',
      '- /local/domain/5/data/x = "before" (n0)',
      '+ /local/domain/5/data/x = "\\u001b]0;evil\\u0007é\\xff" (n0,r5)',
    ]],
    [FOLDED, [
      "#1234 2026-05-04 14:03:10.250 pid 812 (/usr/sbin/xl): transaction of 3 requests, 2 paths",
      "- /a = <9 bytes hidden> (n0)",
      "  40 changes since #7 1970-01-01 00:00:00.000",
      `+ /b = "${"x".repeat(50)}" (n0)`,
      "  2 more, counted in later commits, or pruned",
    ]],
    [ABORT, [
      "#9 2026-05-04 14:03:10.250 the daemon: aborted a transaction of 3 requests: " +
      "value of /a (2 times)",
      "  the transaction saw: value of /a: 0 bytes",
      "  at its end there was: 7 bytes",
      "  changed meanwhile by domain 5",
      "  so nothing of it was done, and its client was answered EAGAIN (to try it again)",
      "  the same ended 2 transactions since #3",
    ]],
    [
      {
        type: "gap",
        number: 20,
        at: AT,
        first: 10,
        firstAt: 0,
        missing: [{ author: { kind: "daemon" }, count: 4 }, {
          author: { kind: "pruned" },
          count: 7,
        }],
      },
      [
        "#20 2026-05-04 14:03:10.250 gap: 11 records missing, from #10 on",
        "  4 of the daemon",
        "  7 of authors that were pruned",
      ],
    ],
    [
      {
        type: "gap",
        number: 20,
        at: AT,
        first: 10,
        firstAt: 0,
        missing: [{ author: { kind: "pruned" }, count: 0 }],
      },
      ["#20 2026-05-04 14:03:10.250 gap: unknown records are missing, from #10 on"],
    ],
    [{ ...WRITE, kind: "start", detail: "after a death", changes: [], isKeyframe: true }, [
      "#1234 2026-05-04 14:03:10.250 domain 5 (web\\u001b[31m\\u000a): start after a death",
      "  the whole store is recorded as it was afterwards",
    ]],
  ];
  for (const [record, lines] of rows) assertEquals([...manyLines(record, UTC)], lines);
});

Deno.test("no record drives a terminal, or is more than its lines", () => {
  for (const { seed } of roundsOf(20, 10)) {
    withSeed((random) => {
      const source = new RandomHistory(random);
      for (let i = 0; i < 50; i++) {
        for (const line of manyLines(source.next(), UTC)) assert(!/\p{Cc}/u.test(line), line);
      }
    }, seed);
  }
  for (const line of manyLines(WRITE, UTC)) assert(!/\p{Cc}/u.test(line), line);
  const long = { ...WRITE.changes[0]!, new: textNode("\x1b".repeat(100_000)) };
  assert(oneLine({ ...WRITE, changes: [long] }, UTC).length < 500);
});

Deno.test("records as JSON", () => {
  assertEquals(recordJson(WRITE), {
    type: "commit",
    number: 1_234,
    at: "2026-05-04T14:03:10.250007Z",
    author: { kind: "domain", domid: 5, uniqueId: "77", name: "web\x1b[31m\n" },
    kind: "write",
    operations: 1,
    detail: "",
    changes: [{
      path: "/local/domain/5/data/x",
      old: { value: "before", perms: ["n0"] },
      new: { value: { base64: btoa("\x1b]0;evil\x07\xc3\xa9\xff") }, perms: ["n0", "r5"] },
    }],
    moved: 0,
    keyframe: false,
  });
  const folded = recordJson(FOLDED) as { changes: unknown[] };
  assertEquals(folded.changes[0], {
    path: "/a",
    old: { hidden: 9, perms: ["n0"] },
    new: null,
    count: 40,
    first: 7,
    firstAt: "1970-01-01T00:00:00.000000Z",
  });
  const { count, first, path } = recordJson(ABORT);
  assertEquals([count, first, path], [2, 3, "/a"]);
  assert(!/\p{Cc}/u.test(jsonLine(recordJson(WRITE))));
});
