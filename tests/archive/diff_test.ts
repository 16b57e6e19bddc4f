/** What differs between two archives, as text, as JSON, and in colours. */
import { assertEquals } from "@std/assert";
import type { Archive } from "../../lib/archive/archive.ts";
import { diffArchives } from "../../lib/archive/diff.ts";
import { differenceJson, differenceLines } from "../../lib/archive/diff_text.ts";
import { lsLine } from "../../lib/client/tools/ls.ts";
import { toTextLines } from "../../lib/codec/text.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { asStale, formatPerm, permEntry } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";
import {
  domain,
  node,
  ring,
  socket,
  special,
  transaction,
  transactionNode,
  watch,
} from "../support/records.ts";

function archive(...records: StateRecord[]): Archive {
  return { name: "test", records, nodesOnly: false, notes: [] };
}

function lines(before: readonly StateRecord[], after: readonly StateRecord[]): string[] {
  return diffArchives(archive(...before), archive(...after))
    .flatMap((difference) => differenceLines(difference, false));
}

const quotas = new Map([["nodes", 10]]), more = new Map([["nodes", 11]]);
const known = domain(3, {
  uniqueId: 5n,
  introduced: true,
  features: 14,
  quotas,
});

/** Before, after, and the lines of the difference. */
const TABLE: readonly (readonly [StateRecord[], StateRecord[], string[]])[] = [
  [[], [], []],
  [[node("/a", "1")], [node("/a", "1")], []],
  [[node("/a", "1")], [], ['- /a = "1"   (n0)']],
  [[], [node("/a", "\x80\n")], ['+ /a = "\\x80\\n"   (n0)']],
  [[node("/a", "1")], [node("/a", "2")], ['- /a = "1"   (n0)', '+ /a = "2"   (n0)']],
  [
    [node("/a", "", [permEntry(1, 0), permEntry(2, 1)])],
    [node("/a", "", [permEntry(1, 0), asStale(permEntry(2, 1))])],
    ['- /a = ""   (n1,r2)', '+ /a = ""   (n1,r2 stale)'],
  ],
  [
    [node("/b", ""), node("/a-b", "")],
    [node("/a/c", "")],
    ['+ /a/c = ""   (n0)', '- /a-b = ""   (n0)', '- /b = ""   (n0)'],
  ],
  [
    [ring(1, 5), watch(1, "/x", "t")],
    [ring(9, 5), watch(9, "/x", "t"), watch(9, "/x", "u", 2)],
    ['+ watch /x \\"u\\" to depth 2 of domain 5'.replaceAll("\\", "")],
  ],
  [
    [socket(1), watch(1, "/x", "t"), socket(2), watch(2, "/x", "t")],
    [socket(4), watch(4, "/x", "t")],
    ['- watch /x "t" of a socket: 2 times', '+ watch /x "t" of a socket'],
  ],
  [
    [ring(1, 5), transaction(1, 7)],
    [ring(1, 5)],
    ["- transaction 7 of domain 5"],
  ],
  [
    [known],
    [{ ...known, quotas: more, shutdownSeen: true, uniqueId: 6n }],
    [
      "- domain 3 quota nodes: 10",
      "+ domain 3 quota nodes: 11",
      "- domain 3 unique id: 5",
      "+ domain 3 unique id: 6",
      "+ domain 3 shutdown: seen",
    ],
  ],
  [
    [{ kind: "quota", domain: quotas, global: new Map() }],
    [{ kind: "quota", domain: more, global: new Map() }],
    ["- quota nodes: 10", "+ quota nodes: 11"],
  ],
];

Deno.test("diff: a line for each thing that is not the same", () => {
  for (const [before, after, expected] of TABLE) assertEquals(lines(before, after), expected);
});

Deno.test("diff: where one side has nodes only, nothing else is compared", () => {
  const left = { ...archive(node("/a", "")), nodesOnly: true };
  assertEquals(diffArchives(left, archive(node("/a", ""), known)), []);
});

Deno.test("diff: colours and JSON", () => {
  const [changed] = diffArchives(archive(node("/a", "\xff")), archive(node("/a", "b")));
  assertEquals(differenceLines(changed!, true), [
    '\x1b[31m- /a = "\\xff"   (n0)\x1b[0m',
    '\x1b[32m+ /a = "b"   (n0)\x1b[0m',
  ]);
  assertEquals(differenceJson(changed!), {
    kind: "node",
    path: "/a",
    change: "changed",
    before: { value: { base64: "/w==" }, perms: ["n0"] },
    after: { value: "b", perms: ["n0"] },
  });
});

Deno.test("dump as text: nodes as xenstore-ls prints them, all else behind a hash", () => {
  const records = [
    ring(1, 5),
    watch(1, "device", "tok\x01", 3),
    transaction(1, 7),
    node("/", ""),
    node("/a", "v", [permEntry(5, 3), asStale(permEntry(7, 1))]),
    transactionNode(1, 7, "/a/b", { value: toBytes("w"), access: 2, perms: [0] }),
    transactionNode(1, 7, "/c"),
    special("@releaseDomain"),
    known,
  ];
  assertEquals([...toTextLines(records)], [
    '/a = "v"   (b5,r7)',
    "# connection 1: domain 5",
    '# watch of domain 5: device "tok\\001" to depth 3',
    "# transaction 7 of domain 5 is open",
    '# / = "" (n0)',
    "# of /a, stale permissions of domains: 7",
    '# transaction 7 of domain 5: wrote /a/b = "w" (n0)',
    "# transaction 7 of domain 5: removed /c",
    "# special @releaseDomain (n0)",
    "# domain 3: features 14, nodes=10",
    "# domain 3: introduced, unique id 5",
  ]);
});

Deno.test("a dump as text has a node's line as xenstore-ls -f -p prints it", () => {
  const perms = [permEntry(5, 3), permEntry(7, 1)];
  const options = { flat: true, perms: true, columns: null };
  for (const value of ["", "v", "x".repeat(500), 'a"\\\n\x07\xff']) {
    const path = `/${"name/".repeat(30)}a`, bytes = toBytes(value);
    const printed = lsLine(
      { path, name: "a", depth: 0, value: bytes, perms: perms.map(formatPerm) },
      options,
    );
    assertEquals([...toTextLines([node(path, value, perms)])], [printed]);
  }
});
