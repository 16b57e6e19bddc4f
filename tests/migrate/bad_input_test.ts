/** What is wrong is said in one line, with the place: the wrong bytes, the wrong records. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkRecords,
  decodeStream,
  encodeStream,
  StreamEncoder,
  StreamError,
} from "../../lib/codec/stream.ts";
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { join, lay, type Piece, preamble, record, stream, u16, u32, u8 } from "./bytes.ts";
import { OXENSTORED_TEXT } from "./older.ts";

type Row = readonly [name: string, bytes: Uint8Array, message: string];

const END = record("little", 0, new Uint8Array(0));
const one = (type: number, ...body: Piece[]): Uint8Array => stream("little", 2, [[type, ...body]]);
const text = (lines: string): Uint8Array => toBytes(`$xenstored-dump-format\n${lines}`);
const node = (...body: Piece[]): Uint8Array => one(5, u32(0), u32(0), ...body);
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
    node(u16(2), u16(100), u16(0), u16(1), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: the value needs 100 bytes at offset 46, the record has " +
    "2 left",
  ],
  [
    "a path past the end",
    node(u16(65535), u16(0), u16(0), u16(1), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: the path needs 65535 bytes at offset 44, the record has " +
    "4 left",
  ],
  [
    "permissions past the end",
    node(u16(2), u16(0), u16(0), u16(65535), ...n0, "/\0"),
    "record 1 (NODE_DATA) at offset 16: 65535 permissions need 262140 bytes, the record has 8 left",
  ],
  [
    "a path without a NUL",
    node(u16(2), u16(0), u16(0), u16(1), ...n0, "/a"),
    "record 1 (NODE_DATA) at offset 16: the path of 2 bytes does not end with a NUL",
  ],
  [
    "a path with a NUL in it",
    node(u16(4), u16(0), u16(0), u16(1), ...n0, "/\0a\0"),
    "record 1 (NODE_DATA) at offset 16: the path of 4 bytes has a NUL at its byte 2, before its " +
    "end",
  ],
  [
    "a path of no bytes",
    node(u16(0), u16(0), u16(0), u16(1), ...n0),
    "record 1 (NODE_DATA) at offset 16: the path has the length 0, which leaves no room for its " +
    "NUL",
  ],
  [
    "a permission of no letter",
    node(u16(2), u16(0), u16(0), u16(1), "x", u8(0), u16(0), "/\0"),
    `record 1 (NODE_DATA) at offset 16: permission 1 has the letter "x": n, r, w or b`,
  ],
  [
    "more than its fields",
    node(u16(2), u16(0), u16(0), u16(1), ...n0, "/\0", "eight or more"),
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
    "record 1 (GLOBAL_DATA) at offset 16: -2 is no file descriptor, nor -1",
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
    `line 2 (store) at offset 23: "n" is no permission`,
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
  const error = assertThrows(() => checkRecords({ records: [root, at(LONG)] }), StreamError);
  assertEquals(error.problem, "a path of 20000000 bytes: 65534 at most");
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

const none = new Uint8Array(0);
const root: MigrationRecord = {
  kind: "node",
  connection: 0,
  transaction: 0,
  path: "/",
  value: none,
  access: 0,
  perms: [0],
};
const at = (path: string): MigrationRecord => ({ ...root, path });
const done = (path: string, more = {}): MigrationRecord => ({
  ...root,
  connection: 1,
  transaction: 3,
  path,
  ...more,
});
const socket = (id: number, fd: number): MigrationRecord => ({
  kind: "connection",
  id,
  end: { kind: "socket", fd },
  input: none,
  output: none,
  partialResponse: 0,
  uniqueId: null,
});
const ring = (id: number, domid: number, target: number | null = null): MigrationRecord => ({
  kind: "connection",
  id,
  end: { kind: "ring", domid, target, port: 1 },
  input: none,
  output: none,
  partialResponse: 0,
  uniqueId: null,
});
const watch = (connection: number, path: string, token = "t"): MigrationRecord => ({
  kind: "watch",
  connection,
  path,
  token,
  depth: Infinity,
});
const transaction: MigrationRecord = { kind: "transaction", connection: 1, id: 3 };
const domain = (domid: number): MigrationRecord => ({
  kind: "domain",
  domid,
  features: 0,
  quotas: new Map(),
});
const global: MigrationRecord = { kind: "global", socketFd: 3, eventChannelFd: 4 };
const quota: MigrationRecord = { kind: "quota", domain: new Map(), global: new Map() };

const RECORDS: readonly (readonly [name: string, MigrationRecord[], number, string])[] = [
  [
    "a child before its parent",
    [root, at("/a/b"), at("/a")],
    2,
    `the node "/a/b" comes before its parent`,
  ],
  ["no root", [at("/a")], 1, `the node "/a" comes before its parent`],
  ["no nodes", [global], 1, "no record of the root node came, so that this is no whole store"],
  ["the root twice", [root, root], 2, `the node "/" is there twice`],
  ["a node twice", [root, at("/a"), at("/a")], 3, `the node "/a" is there twice`],
  ["a special twice", [at("@x"), at("@x"), root], 2, `the node "@x" is there twice`],
  ["a malformed path", [root, at("/a//b")], 2, `the path "/a//b" is malformed`],
  ["a relative path", [root, at("a")], 2, `the path "a" is malformed`],
  [
    "no owner",
    [root, { ...root, path: "/a", perms: [] }],
    2,
    `the node "/a" has no permissions, not even an owner`,
  ],
  ["the global record later", [root, global], 2, "it is not the first of all records"],
  ["the global record twice", [global, global, root], 2, "it is there twice"],
  ["quotas twice", [quota, quota, root], 2, "it is there twice"],
  ["a connection 0", [socket(0, 5), root], 1, "its id is 0: any other number"],
  ["a connection twice", [socket(1, 5), socket(1, 6), root], 2, "the connection 1 is there twice"],
  [
    "a descriptor twice",
    [socket(1, 5), socket(2, 5), root],
    2,
    "the file descriptor 5 is there twice",
  ],
  ["a ring twice", [ring(1, 5), ring(2, 5), root], 2, "the ring of domain 5 is there twice"],
  ["a ring of nobody", [ring(1, 32752), root], 1, "32752 is no domid of a domain"],
  [
    "a target that is nobody",
    [ring(1, 1, 40000), root],
    1,
    "the target 40000 is no domid of a domain",
  ],
  [
    "domain 0 behind the nodes",
    [root, ring(1, 0)],
    2,
    "the ring of domain 0 comes behind nodes: before them",
  ],
  ["a watch of nobody", [watch(9, "/"), root], 1, "no record of the connection 9 came before"],
  [
    "a watch before its connection",
    [watch(1, "/"), socket(1, 5), root],
    1,
    "no record of the connection 1 came before",
  ],
  [
    "a watch twice",
    [socket(1, 5), watch(1, "/"), watch(1, "/"), root],
    3,
    `the watch of "/" is there twice`,
  ],
  [
    "a malformed watch",
    [socket(1, 5), watch(1, "/a b"), root],
    2,
    `the watched path "/a b" is malformed`,
  ],
  ["a transaction of nobody", [transaction, root], 1, "no record of the connection 1 came before"],
  [
    "a transaction twice",
    [socket(1, 5), transaction, transaction, root],
    3,
    "the transaction 3 of its connection is there twice",
  ],
  [
    "a transaction 0",
    [socket(1, 5), { kind: "transaction", connection: 1, id: 0 }, root],
    2,
    "the transaction's id is 0: any other number",
  ],
  [
    "a node of no transaction",
    [socket(1, 5), root, done("/a")],
    3,
    "no record of the transaction 3 of connection 1 came before",
  ],
  [
    "a transaction's node twice",
    [socket(1, 5), transaction, root, done("/a"), done("/a")],
    5,
    `the node "/a" of its transaction is there twice`,
  ],
  [
    "an unknown access",
    [socket(1, 5), transaction, root, done("/a", { access: 4 })],
    4,
    `access 4 to "/a" is not known: a sum of 1 and 2`,
  ],
  [
    "a deleted node with a value",
    [socket(1, 5), transaction, root, done("/a", { perms: [], value: toBytes("v") })],
    4,
    `"/a", deleted, has a value`,
  ],
  ["a domain twice", [root, domain(1), domain(1)], 3, "the domain 1 is there twice"],
  ["a domain that is none", [root, domain(65535)], 2, "65535 is no domid of a domain"],
  [
    "a node behind the domains",
    [root, domain(1), at("/a")],
    3,
    "it comes behind the records of domains, which are the last",
  ],
  [
    "a ring's detail about a socket",
    [socket(1, 5), { kind: "ring-detail", connection: 1, gfn: 0n, remotePort: 1 }, root],
    2,
    "connection 1 is no ring",
  ],
  [
    "a detail about nothing",
    [
      socket(1, 5),
      { kind: "transaction-detail", connection: 1, id: 3, operations: 1 },
      root,
    ],
    2,
    "no record of the transaction 3 of connection 1 came before",
  ],
  [
    "a detail twice",
    [
      socket(1, 5),
      { kind: "connection-detail", connection: 1, transactionIdLast: 1, ignored: false },
      { kind: "connection-detail", connection: 1, transactionIdLast: 1, ignored: false },
      root,
    ],
    3,
    "what is about 1 is there twice",
  ],
];

for (const [name, records, number, problem] of RECORDS) {
  Deno.test(`bad records: ${name}`, () => {
    const error = assertThrows(() => checkRecords({ records }), StreamError);
    assertEquals([error.record, error.problem], [number, problem]);
    // They are read all the same, and then the place is known.
    const read = decodeStream(encodeStream(records, { version: 2, endian: "little" }));
    assertEquals(read.records, records);
    const placed = assertThrows(() => checkRecords(read), StreamError);
    assertEquals([placed.record, placed.problem], [number, problem]);
    assertEquals(placed.offset, read.offsets[number - 1]);
  });
}

Deno.test("a part of a store needs no root, but no child before its parent", () => {
  const records = [at("/a/b"), at("/a/b/c")];
  checkRecords({ records }, { scope: "part" });
  assertThrows(() => checkRecords({ records }), StreamError);
  const turned = [at("/a/b"), at("/a")];
  const error = assertThrows(
    () => checkRecords({ records: turned }, { scope: "part" }),
    StreamError,
  );
  assertEquals(error.problem, `the node "/a" comes behind a child of it`);
});

Deno.test("sockets of a dump have no descriptors, whatever their number", () => {
  checkRecords({ records: [socket(1, -1), socket(2, -1), root] });
});

const VALUES: readonly (readonly [name: string, MigrationRecord, problem: string])[] = [
  [
    "a value of 64 KiB",
    { ...root, path: "/a", value: new Uint8Array(65536) },
    "a value of 65536 bytes at /a: 65535 at most",
  ],
  [
    "a long path",
    at(`/${"x".repeat(65534)}`),
    `a path of 65535 bytes (/${"x".repeat(79)}...): 65534 at most`,
  ],
  [
    "a path that is not bytes",
    at("/\u20ac"),
    `character 2 of the path "/\u20ac" is no byte other than NUL`,
  ],
  ["a path with a NUL", at("/\0"), `character 2 of the path "/\\u0000" is no byte other than NUL`],
  [
    "a token with a NUL",
    watch(1, "/", "a\0"),
    `character 2 of the token "a\\u0000" is no byte other than NUL`,
  ],
  [
    "a depth below 0",
    { ...watch(1, "/"), depth: -1 } as MigrationRecord,
    "a depth of -1: a whole number or Infinity",
  ],
  [
    "much input",
    { ...socket(1, 5), input: new Uint8Array(65536) } as MigrationRecord,
    "65536 bytes of input on connection 1: 65535 at most",
  ],
  [
    "much of a partly sent message",
    { ...socket(1, 5), output: new Uint8Array(70_000), partialResponse: 65536 } as MigrationRecord,
    "65536 bytes of a partly sent message on connection 1: 65535 and its 70000 bytes of output " +
    "at most",
  ],
  ["an id that is none", socket(-1, 5), "-1 is not from 0 to 4294967295"],
  ["a domid that is none", ring(1, 65536), "65536 is not from 0 to 65535"],
  ["a descriptor that is none", socket(1, -2), "-2 is no file descriptor, nor -1"],
  [
    "a unique id that is none",
    { ...ring(1, 1), uniqueId: 1n << 64n } as MigrationRecord,
    "18446744073709551616 is not from 0 to 18446744073709551615",
  ],
];

for (const [name, record, problem] of VALUES) {
  Deno.test(`not to be written: ${name}`, () => {
    const encoder = new StreamEncoder({ version: 2, endian: "little" });
    encoder.put(root);
    const before = encoder.length;
    const error = assertThrows(() => encoder.put(record), StreamError);
    assertEquals([error.problem, error.record, error.offset], [problem, 2, before]);
    // Nothing of it was written.
    assertEquals(encoder.length, before);
    encoder.end();
    assertEquals(decodeStream(join(...encoder.take())).records, [root]);
  });
}
