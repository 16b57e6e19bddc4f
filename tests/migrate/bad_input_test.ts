/** What is wrong is said in one line, with the place: the wrong bytes, the wrong records. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeStream, StreamEncoder, StreamError } from "../../lib/codec/stream.ts";
import { collectAll, RecordError } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { asStale, permEntry } from "../../lib/store/perms.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { encodeStream } from "../support/encode_stream.ts";
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
import { join, lay, type Piece, preamble, record, stream, u16, u32, u8 } from "./bytes.ts";
import { OXENSTORED_TEXT } from "./older.ts";

type Row = readonly [name: string, bytes: Uint8Array, message: string];

const END = record("little", 0, new Uint8Array(0));
const one = (type: number, ...body: Piece[]): Uint8Array => stream("little", 2, [[type, ...body]]);
const text = (lines: string): Uint8Array => toBytes(`$xenstored-dump-format\n${lines}`);
const nodeData = (...body: Piece[]): Uint8Array => one(5, u32(0), u32(0), ...body);
const n0 = ["n", u8(0), u16(0)] as const;

const BYTES: Row[] = [
  ["nothing", new Uint8Array(0), "at offset 0: the file is empty"],
  [
    "a text",
    toBytes("hello, this is a text file\n"),
    `at offset 0: this is no migration stream, but text that begins with ` +
    `"hello, this is a text file\\n"`,
  ],
  [
    "JSON",
    toBytes(`{"nodes": []}\n`),
    `at offset 0: this is no migration stream, but text, perhaps JSON that begins with ` +
    `"{\\"nodes\\": []}\\n"`,
  ],
  [
    "a database",
    toBytes("SQLite format 3\0and more"),
    "at offset 0: this is no migration stream, but an SQLite database, such as xs keeps its " +
    "store in",
  ],
  [
    "oxenstored's database",
    toBytes("/{n0}\n/tool{n0}\n"),
    "at offset 0: this is no migration stream, but oxenstored's persistent database, which is " +
    "not read",
  ],
  [
    "noise",
    Uint8Array.from([200, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    "at offset 0: this is no migration stream, but bytes that begin with c801020304050607",
  ],
  [
    "half a preamble",
    toBytes("xenstor"),
    "at offset 0: the stream ends in its first 16 bytes, after 7",
  ],
  [
    "version 3",
    join(preamble(3, 0), END),
    "at offset 8: version 3 is not known: 1 or 2",
  ],
  ["version 0", join(preamble(0, 0), END), "at offset 8: version 0 is not known: 1 or 2"],
  [
    "flags",
    join(preamble(1, 2), END),
    "at offset 12: flags 0x00000002 are not known: 0 little endian, 1 big endian",
  ],
  ["no END", preamble(1, 0), "at offset 16: the stream ends without an END record"],
  [
    "half a header",
    join(preamble(1, 0), toBytes("\x05\0\0\0")),
    "record 1 at offset 16: the stream ends in the record's header, after 4 bytes",
  ],
  [
    "bytes behind END",
    join(preamble(1, 0), END, END),
    "at offset 24: 8 bytes follow the END record: the last of all",
  ],
  [
    "an END with a body",
    join(preamble(1, 0), record("little", 0, new Uint8Array(8))),
    "record 1 (END) at offset 16: its length is 8: it has no body",
  ],
  [
    "a length past the end",
    join(preamble(1, 0), lay("little", u32(5), u32(0xffffffff)), new Uint8Array(24)),
    "record 1 (NODE_DATA) at offset 16: its length is 4294967295, but only 24 bytes follow",
  ],
  [
    "a value past the end",
    nodeData(u16(2), u16(100), u16(0), u16(1), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: the value needs 100 bytes at offset 46, the record has " +
    "2 left",
  ],
  [
    "a path past the end",
    nodeData(u16(65535), u16(0), u16(0), u16(1), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: the path needs 65535 bytes at offset 44, the record has " +
    "4 left",
  ],
  [
    "permissions past the end",
    nodeData(u16(2), u16(0), u16(0), u16(65535), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: 65535 permissions need 262140 bytes, the record has 8 left",
  ],
  [
    "a path without a NUL",
    nodeData(u16(2), u16(0), u16(0), u16(1), ...n0, "/a"),
    "record 1 (NODE_DATA) at offset 16: the path of 2 bytes does not end with a NUL",
  ],
  [
    "a path with a NUL in it",
    nodeData(u16(4), u16(0), u16(0), u16(1), ...n0, "/\0a\0"),
    "record 1 (NODE_DATA) at offset 16: the path of 4 bytes has a NUL at its byte 2, before its " +
    "end",
  ],
  [
    "a path of no bytes",
    nodeData(u16(0), u16(0), u16(0), u16(1), ...n0),
    "record 1 (NODE_DATA) at offset 16: the path has the length 0, which leaves no room for its " +
    "NUL",
  ],
  [
    "a permission of no letter",
    nodeData(u16(2), u16(0), u16(0), u16(1), "x", u8(0), u16(0), "/\0"),
    `record 1 (NODE_DATA) at offset 16: permission 1 has the letter "x": n, r, w or b`,
  ],
  [
    "more than its fields",
    nodeData(u16(2), u16(0), u16(0), u16(1), ...n0, "/\0", "eight or more"),
    "record 1 (NODE_DATA) at offset 16: its length is 40, but its fields end after 22 bytes",
  ],
  [
    "less than its fields",
    one(4),
    "record 1 (TRANSACTION_DATA) at offset 16: a field of 4 bytes needs 4 bytes at offset 24, the " +
    "record has 0 left",
  ],
  [
    "a connection of no type",
    one(2, u32(1), u16(2), u16(0), u32(1), u32(0), u32(0), u32(0)),
    "record 1 (CONNECTION_DATA) at offset 16: a connection of type 2 is not known: 0 ring, 1 socket",
  ],
  [
    "a descriptor that is none",
    one(1, u32(-2), u32(0)),
    "record 1 (GLOBAL_DATA) at offset 16: invalid file descriptor -2 (a number from 0 up, or -1)",
  ],
  [
    "a ring without the unique id that it promises",
    one(2, u32(1), u16(0), u16(1), u32(1), u32(0), u32(0), u32(0)),
    "record 1 (CONNECTION_DATA) at offset 16: a field of 8 bytes needs 8 bytes at offset 48, the " +
    "record has 0 left",
  ],
  [
    "more of a partly sent message than of output",
    one(2, u32(1), u16(0), u16(0), u32(1), u32(0), u16(0), u16(2), u32(1), "a"),
    "record 1 (CONNECTION_DATA) at offset 16: 2 bytes of a partly sent message, but 1 bytes of " +
    "output",
  ],
  [
    "quotas past the end",
    one(7, u16(1), u16(65535), u32(0)),
    "record 1 (DOMAIN_DATA) at offset 16: 65535 quotas need 262140 bytes, the record has 0 left",
  ],
  [
    "a quota without a name",
    one(7, u16(1), u16(1), u32(0), u32(5), "abcd"),
    "record 1 (DOMAIN_DATA) at offset 16: the name of quota 1 has no NUL before the record's end",
  ],
  [
    "a quota twice",
    one(7, u16(1), u16(2), u32(0), u32(5), u32(6), "a\0", "a\0"),
    `record 1 (DOMAIN_DATA) at offset 16: the quota "a" is there twice`,
  ],
  [
    "a draft's value past the end",
    lay("little", u32(1), u32(1), "/\0\0\0", u32(0), u32(1000), "abc\0"),
    "record 1 (NODE_DATA) at offset 0: the value needs 1000 bytes at offset 20, the file has 4 left",
  ],
  [
    "a draft's transaction 0",
    lay("little", u32(3), u32(0)),
    "record 1 (TRANSACTION_DATA) at offset 0: the transaction's id is 0: any other number",
  ],
  [
    "a draft's second record of no type",
    lay("little", u32(3), u32(1), u32(7)),
    "record 2 at offset 8: type 7 is not known: 1 to 6",
  ],
  [
    "a text dump cut in a line",
    OXENSTORED_TEXT.subarray(0, -2),
    "line 13 at offset 271: the dump ends within the line",
  ],
  [
    "a text dump's wrong number",
    text("dom,1,x,2,3\n"),
    "line 2 (dom) at offset 23: its frame number is no decimal number",
  ],
  [
    "a text dump's wrong fields",
    text("socket,1,2\n"),
    "line 2 (socket) at offset 23: it has 3 fields: 2",
  ],
  [
    "a text dump's wrong digits",
    text("store,2g,6e30,\n"),
    "line 2 (store) at offset 23: the path is not of pairs of hexadecimal digits",
  ],
  [
    "a text dump's wrong permission",
    text("store,2f,6e30006e,\n"),
    `line 2 (store) at offset 23: invalid permission "n"`,
  ],
  [
    "a text dump's watch of nobody",
    text("watch,-5,2f,2f\n"),
    "line 2 (watch) at offset 23: it belongs to socket 5, of which no line tells before",
  ],
];

const LONG = "/a".repeat(10_000_000);

BYTES.push(
  [
    "a draft's path of 20 MB",
    lay("little", u32(1), u32(LONG.length), u32(0)),
    "record 1 (NODE_DATA) at offset 0: the path has 20000000 bytes: 65534 at most",
  ],
  [
    "oxenstored's path of 20 MB",
    join(
      preamble(1, 1),
      record("big", 3, lay("big", u32(1), u32(1), u32(1), "/", "t"), false),
      record("big", 5, lay("big", ...[0, 0, LONG.length, 0, 0, 0].map(u32)), false),
    ),
    "record 2 (NODE_DATA) at offset 40: the path has 20000000 bytes: 65534 at most",
  ],
  [
    "a text dump's path of 20 MB",
    text(`store,${"2f61".repeat(LONG.length / 2)},6e30,\n`),
    "line 2 (store) at offset 23: the path has 20000000 bytes: 65534 at most",
  ],
  [
    "a text dump's line of commas",
    text(`socket${",".repeat(1_000_000)}\n`),
    "line 2 (socket) at offset 23: it has 6 fields or more: 2",
  ],
);

Deno.test("bad records: a path of 20 MB", () => {
  const error = assertThrows(() => collectAll([ROOT, node(LONG)]), RecordError);
  const shown = `${LONG.slice(0, 64)}...`;
  assertEquals(error.message, `the path ${shown} has 20000000 bytes: at most 8192 can be`);
});

Deno.test("a text dump of many unknown kinds says so in few notes", () => {
  const lines = Array.from({ length: 1000 }, (_, i) => `kind${i},1\n`).join("");
  assertEquals(decodeStream(text(lines)).notes.length, 11);
});

for (const [name, bytes, message] of BYTES) {
  Deno.test(`bad bytes: ${name}`, () => {
    const error = assertThrows(() => decodeStream(bytes), StreamError);
    assertEquals(error.message, message);
    assert(!error.message.includes("\n"));
  });
}

const ROOT = node("/");
const RING = [domain(1, { hasRing: true }), ring(1, 1)];
const TRANSACTION = transaction(1, 3);
const GLOBAL: StateRecord = { kind: "descriptors", socketFd: 3, eventChannelFd: 4 };
const QUOTA: StateRecord = { kind: "quota", domain: new Map(), global: new Map() };
const SETTING: StateRecord = { kind: "setting", name: "trace", value: "on", configured: null };
const WRITTEN = { access: 2, perms: [0] };

/** Records that are put together, and what is said of them. */
const RECORDS: readonly (readonly [name: string, StateRecord[], problem: string])[] = [
  [
    "a child before its parent",
    [ROOT, node("/a/b"), node("/a")],
    "/a/b comes before its parent",
  ],
  [
    "no root",
    [node("/a")],
    "this is not a whole store: its first node is /a, not /; " +
    "what was dumped with --domain is restored with --domain",
  ],
  ["no nodes", [GLOBAL], "this is not a whole store: it has no nodes"],
  ["the root twice", [ROOT, ROOT], "/ comes a second time"],
  ["a node twice", [ROOT, node("/a"), node("/b"), node("/a")], "/a comes a second time"],
  ["a special twice", [special("@x"), special("@x"), ROOT], "@x comes a second time"],
  [
    "a malformed path",
    [ROOT, node("/a//b")],
    "invalid path '/a//b': names have only A-Z a-z 0-9 - _ @, after one slash",
  ],
  [
    "a path whose characters are no bytes",
    [ROOT, node("/\u0161")],
    "invalid path '/\u0161': names have only A-Z a-z 0-9 - _ @, after one slash",
  ],
  [
    "a relative path",
    [ROOT, node("a")],
    "invalid path 'a': names have only A-Z a-z 0-9 - _ @, after one slash",
  ],
  ["no owner", [ROOT, node("/a", "", [])], "/a has no permissions"],
  ["a special without an owner", [special("@x", []), ROOT], "@x has no permissions"],
  [
    "a value of 8 KiB",
    [ROOT, node("/a", "x".repeat(8193))],
    "the value of /a has 8193 bytes: at most 8192 can be",
  ],
  ["the descriptors twice", [GLOBAL, GLOBAL, ROOT], "GLOBAL_DATA comes a second time"],
  ["quotas twice", [QUOTA, QUOTA, ROOT], "the quotas come a second time"],
  ["a setting twice", [SETTING, SETTING, ROOT], "the setting trace comes a second time"],
  [
    "a connection 0",
    [socket(0, 5), ROOT],
    "a connection has the number 0, which stands for none",
  ],
  ["a connection twice", [socket(1, 5), socket(1, 6), ROOT], "connection 1 comes a second time"],
  ["a ring twice", [...RING, ring(2, 1), ROOT], "domain 1 has a second ring"],
  ["a ring without its domain", [ring(1, 1), ROOT], "domain 1 has a ring, but no record"],
  [
    "a ring of a domid that is none",
    [ring(1, 32752), ROOT],
    "the domain of a ring has the domid 32752: the last is 32751",
  ],
  [
    "a target that is none",
    [domain(1, { target: 40000 }), ROOT],
    "the target of domain 1 has the domid 40000: the last is 32751",
  ],
  ["a watch of no connection", [watch(9, "/", "t"), ROOT], "there is no connection 9"],
  [
    "a watch before its connection",
    [watch(1, "/", "t"), socket(1, 5), ROOT],
    "there is no connection 1",
  ],
  [
    "a watch twice",
    [socket(1, 5), watch(1, "/", "t"), watch(1, "/", "t"), ROOT],
    "the watch on / with token 't' comes a second time",
  ],
  ["a malformed watch", [socket(1, 5), watch(1, "/a b", "t"), ROOT], "invalid path '/a b'"],
  [
    "a token of 8 KiB",
    [socket(1, 5), watch(1, "/a", "t".repeat(8193)), ROOT],
    "the path or token of a watch /a has 8193 bytes: at most 8192 can be",
  ],
  ["a transaction of no connection", [TRANSACTION, ROOT], "there is no connection 1"],
  [
    "a transaction twice",
    [socket(1, 5), TRANSACTION, TRANSACTION, ROOT],
    "transaction 3 of connection 1 comes a second time",
  ],
  [
    "a transaction 0",
    [socket(1, 5), transaction(1, 0), ROOT],
    "a transaction has the number 0, which stands for none",
  ],
  [
    "a node of no transaction",
    [socket(1, 5), ROOT, transactionNode(1, 3, "/a", WRITTEN)],
    "connection 1 has no transaction 3",
  ],
  [
    "an unknown access",
    [socket(1, 5), TRANSACTION, ROOT, transactionNode(1, 3, "/a", { access: 4, perms: [0] })],
    "a transaction had access 4 to /a: a sum of 1 and 2",
  ],
  [
    "a removed node with a value",
    [socket(1, 5), TRANSACTION, ROOT, transactionNode(1, 3, "/a", { value: toBytes("v") })],
    "/a, which a transaction removed, has a value",
  ],
  ["a domain twice", [domain(1), domain(1), ROOT], "domain 1 comes a second time"],
  [
    "a domain that is none",
    [domain(65535), ROOT],
    "a domain has the domid 65535: the last is 32751",
  ],
];

for (const [name, records, problem] of RECORDS) {
  Deno.test(`bad records: ${name}`, () => {
    const error = assertThrows(() => collectAll(records), RecordError);
    assertEquals(error.message, problem);
  });
}

Deno.test("good records: in any order that says of what before it says what of it", () => {
  const all = collectAll([
    special("@releaseDomain"),
    socket(1, -1),
    socket(2, -1),
    ring(3, 5),
    watch(3, "a", "t"),
    ROOT,
    TRANSACTION,
    node("/a"),
    transactionNode(1, 3, "/a", WRITTEN),
    domain(5, { hasRing: true }),
    node("/a/b", "v", [permEntry(5, 0), permEntry(6, 1), asStale(permEntry(7, 1))]),
  ]);
  assertEquals([all.nodes, all.specials.size, all.connections.size, all.held], [
    3,
    1,
    3,
    { watches: 1, transactions: 1 },
  ]);
  assertEquals([...all.named].sort(), [0, 5, 6]);
  assertEquals(all.owned.get(5), { nodes: 1, memory: 45, biggest: 41, perms: 3 });
  const nodes = [...subtree(all.tree.root)].map(([path, { value }]) => [path, toText(value)]);
  assertEquals(nodes, [["/", ""], ["/a", ""], ["/a/b", "v"]]);
});

Deno.test("a domain's part: no root, its own nodes at their new paths, no child before its parent", () => {
  const mapping = { from: 1, to: 2 };
  const top = node("/local/domain/1", "", [permEntry(1, 0), permEntry(3, 1)]);
  const all = collectAll([
    special("@releaseDomain"),
    ring(1, 0x7ff4),
    domain(0x7ff4, { hasRing: true }),
    watch(1, "/local/domain/1/x", "t"),
    top,
    node("/local/domain/1/a"),
    node("/local/domain/3"),
    node("/vm/uuid"),
  ], mapping);
  assertEquals(all.part.map(({ path }) => path), [
    "/local/domain/2",
    "/local/domain/2/a",
    "/vm/uuid",
  ]);
  assertEquals([all.nodes, all.others, all.part[0]!.perms], [
    3,
    2,
    [permEntry(2, 0), permEntry(3, 1)],
  ]);
  assertEquals([...all.connections.get(1)!.watches.values()], [watch(1, "/local/domain/2/x", "t")]);
  for (
    const [records, problem] of [
      [[node("/local/domain/1/a/b"), top], "/local/domain/2/a/b comes before its parent"],
      [[top, top], "/local/domain/2 comes a second time"],
      [[ROOT], "there is nothing of domain 1 (to become domain 2) in it"],
    ] as const
  ) assertThrows(() => collectAll(records, mapping), RecordError, problem);
});

const VALUES: readonly (readonly [name: string, StateRecord, problem: string])[] = [
  [
    "a value of 64 KiB",
    node("/a", new Uint8Array(65536)),
    "a value of 65536 bytes at /a: 65535 at most",
  ],
  [
    "a long path",
    node(`/${"x".repeat(65534)}`),
    `a path of 65535 bytes (/${"x".repeat(79)}...): 65534 at most`,
  ],
  [
    "a path that is not bytes",
    node("/\u20ac"),
    `character 2 of the path "/\u20ac" must be a byte other than NUL`,
  ],
  [
    "a path with a NUL",
    node("/\0"),
    `character 2 of the path "/\\u0000" must be a byte other than NUL`,
  ],
  [
    "a token with a NUL",
    watch(1, "/", "a\0"),
    `character 2 of the token "a\\u0000" must be a byte other than NUL`,
  ],
  [
    "a depth below 0",
    watch(1, "/", "t", -1),
    "a depth of -1: a whole number or Infinity",
  ],
  [
    "much input",
    socket(1, 5, { input: new Uint8Array(65536) }),
    "65536 bytes of input on connection 1: 65535 at most",
  ],
  [
    "much of a partly sent message",
    socket(1, 5, { output: new Uint8Array(70_000), partialResponse: 65536 }),
    "65536 bytes of a partly sent message on connection 1: 65535 and its 70000 bytes of output " +
    "at most",
  ],
  ["an id that is none", socket(-1, 5), "-1 is not from 0 to 4294967295"],
  ["a domid that is none", ring(1, 65536), "65536 is not from 0 to 65535"],
  [
    "a descriptor that is none",
    socket(1, -2),
    "invalid file descriptor -2 (a number from 0 up, or -1)",
  ],
];

for (const [name, record, problem] of VALUES) {
  Deno.test(`not to be written: ${name}`, () => {
    const encoder = new StreamEncoder({ version: 2, endian: "little" });
    encoder.put(ROOT);
    const before = encoder.length;
    const error = assertThrows(() => encoder.put(record), StreamError);
    assertEquals([error.problem, error.record, error.offset], [problem, 2, before]);
    // Nothing of it was written.
    assertEquals(encoder.length, before);
    encoder.end();
    assertEquals(decodeStream(join(...encoder.take())).records, [ROOT]);
  });
}

Deno.test("not to be written: a domain's unique id that is none", () => {
  const known = domain(1, { uniqueId: 1n << 64n, hasRing: true });
  const error = assertThrows(
    () => encodeStream([ROOT, known, ring(1, 1)], { version: 2, endian: "little" }),
    StreamError,
  );
  assertEquals(error.problem, "18446744073709551616 is not from 0 to 18446744073709551615");
});
