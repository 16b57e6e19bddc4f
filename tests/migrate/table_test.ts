/** Every record against bytes laid by hand from the specification. */
import { assertEquals } from "@std/assert";
import { decodeStream, encodeStream } from "../../lib/codec/stream.ts";
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { asStale, permEntry } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Endian, type Piece, stream, u16, u32, u64, u8 } from "./bytes.ts";

interface Case {
  readonly name: string;
  /** Those in which this is how the record is written; 2 alone when it says so. */
  readonly versions?: readonly (1 | 2)[];
  readonly record: MigrationRecord;
  readonly type: number;
  readonly body: readonly Piece[];
}

const none = new Uint8Array(0);
const empty = { input: none, output: none, partialResponse: 0, uniqueId: null };

const CASES: readonly Case[] = [
  {
    name: "GLOBAL_DATA",
    record: { kind: "global", socketFd: 3, eventChannelFd: -1 },
    type: 1,
    body: [u32(3), u32(-1)],
  },
  {
    name: "CONNECTION_DATA of a ring with a target",
    record: {
      kind: "connection",
      id: 7,
      end: { kind: "ring", domid: 3, target: 1, port: 12 },
      ...empty,
    },
    type: 2,
    body: [u32(7), u16(0), u16(0), u16(3), u16(1), u32(12), u16(0), u16(0), u32(0)],
  },
  {
    name: "CONNECTION_DATA of a ring with data, and a unique id behind the padding",
    record: {
      kind: "connection",
      id: 1,
      end: { kind: "ring", domid: 9, target: null, port: 5 },
      input: toBytes("abc"),
      output: toBytes("defgh\0i"),
      partialResponse: 2,
      uniqueId: 0x0123456789abcdefn,
    },
    type: 2,
    body: [
      ...[u32(1), u16(0), u16(1), u16(9), u16(0x7ff4), u32(5), u16(3), u16(2), u32(7)],
      ...["abc", "defgh\0i", "\0\0\0\0\0\0", u64(0x0123456789abcdefn)],
    ],
  },
  {
    name: "CONNECTION_DATA of a socket",
    record: { kind: "connection", id: 2, end: { kind: "socket", fd: 8 }, ...empty },
    type: 2,
    body: [u32(2), u16(1), u16(0), u32(8), u32(0), u16(0), u16(0), u32(0)],
  },
  {
    name: "WATCH_DATA",
    record: { kind: "watch", connection: 4, path: "data", token: "to\xff", depth: Infinity },
    type: 3,
    body: [u32(4), u16(5), u16(4), "data\0", "to\xff\0"],
  },
  {
    name: "WATCH_DATA with an empty token",
    record: { kind: "watch", connection: 4, path: "/", token: "", depth: Infinity },
    type: 3,
    body: [u32(4), u16(2), u16(1), "/\0", "\0"],
  },
  {
    name: "WATCH_DATA_EXTENDED",
    versions: [2],
    record: { kind: "watch", connection: 4, path: "/a/b", token: "t", depth: 2 },
    type: 8,
    body: [u32(4), u16(5), u16(2), u16(2), u16(0), "/a/b\0", "t\0"],
  },
  {
    name: "TRANSACTION_DATA",
    record: { kind: "transaction", connection: 4, id: 0xfffffffe },
    type: 4,
    body: [u32(4), u32(0xfffffffe)],
  },
  {
    name: "NODE_DATA, committed, with every letter and a stale entry",
    record: {
      kind: "node",
      connection: 0,
      transaction: 0,
      path: "/a",
      value: toBytes("v\0w"),
      access: 0,
      perms: [permEntry(5, 0), permEntry(1, 1), asStale(permEntry(2, 2)), permEntry(65535, 3)],
    },
    type: 5,
    body: [
      ...[u32(0), u32(0), u16(3), u16(3), u16(0), u16(4)],
      ...["n", u8(0), u16(5), "r", u8(0), u16(1), "w", u8(1), u16(2), "b", u8(0), u16(65535)],
      ...["/a\0", "v\0w"],
    ],
  },
  {
    name: "NODE_DATA, written in a transaction",
    record: {
      kind: "node",
      connection: 4,
      transaction: 6,
      path: "/",
      value: none,
      access: 3,
      perms: [permEntry(0, 0)],
    },
    type: 5,
    body: [u32(4), u32(6), u16(2), u16(0), u16(3), u16(1), "n", u8(0), u16(0), "/\0"],
  },
  {
    name: "NODE_DATA, deleted in a transaction",
    record: {
      kind: "node",
      connection: 4,
      transaction: 6,
      path: "/gone",
      value: none,
      access: 0,
      perms: [],
    },
    type: 5,
    body: [u32(4), u32(6), u16(6), u16(0), u16(0), u16(0), "/gone\0"],
  },
  {
    name: "GLOBAL_QUOTA_DATA",
    record: {
      kind: "quota",
      domain: new Map([["nodes", 1000], ["soft-memory", 5]]),
      global: new Map([["all", 0xffffffff]]),
    },
    type: 6,
    body: [
      ...[u16(2), u16(1), u32(1000), u32(5), u32(0xffffffff)],
      ...["nodes\0", "soft-memory\0", "all\0"],
    ],
  },
  {
    name: "DOMAIN_DATA",
    versions: [2],
    record: { kind: "domain", domid: 3, features: 9, quotas: new Map([["watches", 128]]) },
    type: 7,
    body: [u16(3), u16(1), u32(9), u32(128), "watches\0"],
  },
  {
    name: "DOMAIN_DATA without features",
    record: { kind: "domain", domid: 3, features: 0, quotas: new Map() },
    type: 7,
    body: [u16(3), u16(0), u32(0)],
  },
  {
    name: "ours: RING_DETAIL",
    record: { kind: "ring-detail", connection: 4, gfn: 0x1_0000_0001n, remotePort: 6 },
    type: 0x78730001,
    body: [u32(4), u32(6), u64(0x1_0000_0001n)],
  },
  {
    name: "ours: TRANSACTION_DETAIL",
    record: { kind: "transaction-detail", connection: 4, id: 6, operations: 17 },
    type: 0x78730002,
    body: [u32(4), u32(6), u32(17), u32(0)],
  },
  {
    name: "ours: CONNECTION_DETAIL",
    record: { kind: "connection-detail", connection: 4, transactionIdLast: 19, ignored: true },
    type: 0x78730003,
    body: [u32(4), u32(19), u32(1), u32(0)],
  },
  {
    name: "ours: DOMAIN_DETAIL",
    record: {
      kind: "domain-detail",
      domid: 3,
      uniqueId: 0xfedcba9876543210n,
      introduced: true,
      shutdownSeen: true,
      target: null,
    },
    type: 0x78730004,
    body: [u16(3), u16(0x7ff4), u32(3), u64(0xfedcba9876543210n)],
  },
  {
    name: "ours: SETTING_DETAIL",
    record: { kind: "setting-detail", name: "trace", value: "on", told: "off" },
    type: 0x78730005,
    body: [u16(6), u16(3), u16(4), u16(0), "trace\0on\0off\0"],
  },
  {
    name: "ours: SETTING_DETAIL, of which the command line said nothing",
    record: { kind: "setting-detail", name: "trace", value: "on", told: null },
    type: 0x78730005,
    body: [u16(6), u16(3), u16(0), u16(0), "trace\0on\0"],
  },
];

for (const endian of ["little", "big"] as Endian[]) {
  for (const { name, versions = [1, 2] as const, record, type, body } of CASES) {
    Deno.test(`${name}, ${endian} endian: to bytes and back`, () => {
      for (const version of versions) {
        const bytes = stream(endian, version, [[type, ...body]]);
        assertEquals(encodeStream([record], { version, endian }), bytes);
        const read = decodeStream(bytes);
        assertEquals(read.records, [record]);
        assertEquals(
          [read.format, read.version, read.endian, read.skipped, read.notes],
          ["stream", version, endian, [], []],
        );
        assertEquals([read.offsets, read.numbers], [[16], [1]]);
        // As the specification counts, without the padding.
        const exact = stream(endian, version, [[type, ...body]], false);
        assertEquals(decodeStream(exact).records, [record]);
      }
    });
  }
}

Deno.test("version 1 has no place for depths and features", () => {
  const watch = { kind: "watch", connection: 4, path: "/a", token: "t", depth: 2 } as const;
  const domain = { kind: "domain", domid: 3, features: 9, quotas: new Map() } as const;
  assertEquals(
    encodeStream([watch, domain], { version: 1, endian: "little" }),
    stream("little", 1, [
      [3, u32(4), u16(3), u16(2), "/a\0", "t\0"],
      [7, u16(3), u16(0), u32(0)],
    ]),
  );
  const features = stream("little", 1, [[7, u16(3), u16(0), u32(9)]]);
  assertEquals(decodeStream(features).records, [{ ...domain, features: 0 }]);
});

Deno.test("a depth that no path can have is written as none", () => {
  const options = { version: 2, endian: "little" } as const;
  for (const depth of [0xffff, 1_000_000]) {
    const bytes = encodeStream(
      [{ kind: "watch", connection: 1, path: "/a", token: "t", depth }],
      options,
    );
    assertEquals(bytes, stream("little", 2, [[3, u32(1), u16(3), u16(2), "/a\0", "t\0"]]));
  }
});

Deno.test("depths can be left out of version 2, for daemons that die of them", () => {
  const watch = { kind: "watch", connection: 1, path: "/a", token: "t", depth: 2 } as const;
  assertEquals(
    encodeStream([watch], { version: 2, endian: "little", depths: false }),
    stream("little", 2, [[3, u32(1), u16(3), u16(2), "/a\0", "t\0"]]),
  );
});

Deno.test("without details, our own records are left out", () => {
  const records = CASES.map(({ record }) => record);
  const bytes = encodeStream(records, { version: 2, endian: "little", details: false });
  assertEquals(decodeStream(bytes).records, records.filter(({ kind }) => !/detail/.test(kind)));
});

Deno.test("what the specification has ignored is not read: padding, ids of committed nodes", () => {
  const body = [u32(0), u32(77), u16(3), u16(3), u16(2), u16(1), "n", u8(0), u16(0), "/a\0", "val"];
  const bytes = stream("little", 1, [[5, ...body, "\xff\xff\xff\xff\xff\xff"]]);
  assertEquals(decodeStream(bytes).records, [{
    kind: "node",
    connection: 0,
    transaction: 0,
    path: "/a",
    value: toBytes("val"),
    access: 0,
    perms: [0],
  }]);
});

Deno.test("records of unknown types are skipped and named once", () => {
  const node = [u32(0), u32(0), u16(2), u16(0), u16(0), u16(1), "n", u8(0), u16(0), "/\0"] as const;
  const bytes = stream("big", 2, [[99, "any"], [0x78730099, "ours"], [5, ...node], [99]]);
  const read = decodeStream(bytes);
  assertEquals(read.skipped, [99, 0x78730099]);
  assertEquals(read.records.length, 1);
  assertEquals(read.numbers, [3]);
  assertEquals(read.offsets, [16 + 16 + 16]);
});

Deno.test("our own records may grow at their end", () => {
  const body = [u32(4), u32(6), u64(1n), "what a later version says"];
  const read = decodeStream(stream("little", 2, [[0x78730001, ...body]]));
  assertEquals(read.records, [{ kind: "ring-detail", connection: 4, gfn: 1n, remotePort: 6 }]);
});

const DEPTH_2 = { kind: "watch", connection: 4, path: "/a/b", token: "t", depth: 2 } as const;
const NEXT = { kind: "transaction", connection: 4, id: 6 } as const;

Deno.test("WATCH_DATA_EXTENDED as the struct of Xen's daemon has it: strings at 10", () => {
  const bytes = stream("little", 2, [
    [8, u32(4), u16(5), u16(2), u16(2), "/a/b\0", "t\0"],
    [4, u32(4), u32(6)],
  ]);
  const read = decodeStream(bytes);
  assertEquals(read.records, [DEPTH_2, NEXT]);
  assertEquals(read.notes, []);
});

Deno.test("WATCH_DATA_EXTENDED as Xen's daemon writes it: no depth, and a length of its own", () => {
  // It counts twelve bytes and the strings, but writes eight and the strings, then to a multiple.
  for (const [token, stated] of [["t", 24], ["tok", 24], ["token78", 32]] as const) {
    const body = [u32(4), u16(5), u16(token.length + 1), "/a/b\0", `${token}\0`];
    const bytes = stream("little", 2, [[8, ...body], [4, u32(4), u32(6)]]);
    new DataView(bytes.buffer).setUint32(20, stated, true);
    const read = decodeStream(bytes);
    assertEquals(read.records, [{ ...DEPTH_2, token, depth: Infinity }, NEXT]);
    assertEquals(read.notes.length, 1);
  }
});

Deno.test("a socket that the first draft marked as read-only", () => {
  const bytes = stream("little", 1, [
    [2, u32(2), u16(1), u16(1), u32(8), u32(0), u16(0), u16(0), u32(0)],
  ]);
  const read = decodeStream(bytes);
  assertEquals(read.records, [
    { kind: "connection", id: 2, end: { kind: "socket", fd: 8 }, ...empty },
  ]);
  assertEquals(read.notes.length, 1);
});
