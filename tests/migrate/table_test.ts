/** Every record against bytes laid by hand from the specification. */
import { assertEquals, assertThrows } from "@std/assert";
import { decodeStream, readRecords, StreamError } from "../../lib/codec/stream.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { asStale, permEntry } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";
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
import { type Endian, type Piece, stream, u16, u32, u64, u8 } from "./bytes.ts";

interface Case {
  readonly name: string;
  /** Those in which this is how the records are written; 2 alone when it says so. */
  readonly versions?: readonly (1 | 2)[];
  /** Domains come first, but are written last. */
  readonly records: readonly StateRecord[];
  readonly stream: readonly (readonly [type: number, ...body: Piece[]])[];
}

const QUOTAS = new Map([["watches", 128]]);
const RING_3 = [
  2,
  u32(7),
  u16(0),
  u16(0),
  u16(3),
  u16(1),
  u32(12),
  u16(0),
  u16(0),
  u32(0),
] as const;

const CASES: readonly Case[] = [
  {
    name: "GLOBAL_DATA",
    records: [{ kind: "descriptors", socketFd: 3, eventChannelFd: -1 }],
    stream: [[1, u32(3), u32(-1)]],
  },
  {
    name: "CONNECTION_DATA of a ring with a target",
    records: [domain(3, { target: 1, hasRing: true }), ring(7, 3, 12)],
    stream: [RING_3],
  },
  {
    name: "CONNECTION_DATA of a ring with data, and a unique id behind the padding",
    records: [
      domain(9, { uniqueId: 0x0123456789abcdefn, hasRing: true }),
      ring(1, 9, 5, {
        input: toBytes("abc"),
        output: toBytes("defgh\0i"),
        partialResponse: 2,
      }),
    ],
    stream: [[
      ...[2, u32(1), u16(0), u16(1), u16(9), u16(0x7ff4), u32(5), u16(3), u16(2), u32(7)] as const,
      ...["abc", "defgh\0i", "\0\0\0\0\0\0", u64(0x0123456789abcdefn)],
    ]],
  },
  {
    name: "CONNECTION_DATA of a socket",
    records: [socket(2, 8)],
    stream: [[2, u32(2), u16(1), u16(0), u32(8), u32(0), u16(0), u16(0), u32(0)]],
  },
  {
    name: "WATCH_DATA",
    records: [watch(4, "data", "to\xff")],
    stream: [[3, u32(4), u16(5), u16(4), "data\0", "to\xff\0"]],
  },
  {
    name: "WATCH_DATA with an empty token",
    records: [watch(4, "/", "")],
    stream: [[3, u32(4), u16(2), u16(1), "/\0", "\0"]],
  },
  {
    name: "WATCH_DATA_EXTENDED",
    versions: [2],
    records: [watch(4, "/a/b", "t", 2)],
    stream: [[8, u32(4), u16(5), u16(2), u16(2), u16(0), "/a/b\0", "t\0"]],
  },
  {
    name: "TRANSACTION_DATA",
    records: [transaction(4, 0xfffffffe)],
    stream: [[4, u32(4), u32(0xfffffffe)]],
  },
  {
    name: "NODE_DATA, committed, with every letter and a stale entry",
    records: [
      node("/a", "v\0w", [
        permEntry(5, 0),
        permEntry(1, 1),
        asStale(permEntry(2, 2)),
        permEntry(65535, 3),
      ]),
    ],
    stream: [[
      ...[5, u32(0), u32(0), u16(3), u16(3), u16(0), u16(4)] as const,
      ...["n", u8(0), u16(5), "r", u8(0), u16(1), "w", u8(1), u16(2), "b", u8(0), u16(65535)],
      ...["/a\0", "v\0w"],
    ]],
  },
  {
    name: "NODE_DATA of a special",
    records: [special("@releaseDomain", [permEntry(0, 1)])],
    stream: [[
      ...[5, u32(0), u32(0), u16(15), u16(0), u16(0), u16(1)] as const,
      ...["r", u8(0), u16(0), "@releaseDomain\0"],
    ]],
  },
  {
    name: "NODE_DATA, written in a transaction",
    records: [transactionNode(4, 6, "/", { access: 3, perms: [permEntry(0, 0)] })],
    stream: [[5, u32(4), u32(6), u16(2), u16(0), u16(3), u16(1), "n", u8(0), u16(0), "/\0"]],
  },
  {
    name: "NODE_DATA, deleted in a transaction",
    records: [transactionNode(4, 6, "/gone")],
    stream: [[5, u32(4), u32(6), u16(6), u16(0), u16(0), u16(0), "/gone\0"]],
  },
  {
    name: "GLOBAL_QUOTA_DATA",
    records: [{
      kind: "quota",
      domain: new Map([["nodes", 1000], ["soft-memory", 5]]),
      global: new Map([["all", 0xffffffff]]),
    }],
    stream: [[
      ...[6, u16(2), u16(1), u32(1000), u32(5), u32(0xffffffff)] as const,
      ...["nodes\0", "soft-memory\0", "all\0"],
    ]],
  },
  {
    name: "DOMAIN_DATA",
    versions: [2],
    records: [domain(3, { features: 9, quotas: QUOTAS })],
    stream: [[7, u16(3), u16(1), u32(9), u32(128), "watches\0"]],
  },
  {
    name: "DOMAIN_DATA without features",
    records: [domain(3, { quotas: new Map() })],
    stream: [[7, u16(3), u16(0), u32(0)]],
  },
  {
    name: "ours: RING_DETAIL and CONNECTION_DETAIL",
    records: [
      domain(3, { target: 1, port: 6, gfn: 0x1_0000_0001n, hasRing: true }),
      ring(7, 3, 12, { transactionIdLast: 19, ignored: true }),
    ],
    stream: [
      RING_3,
      [0x78730003, u32(7), u32(19), u32(1), u32(0)],
      [0x78730001, u32(7), u32(6), u64(0x1_0000_0001n)],
    ],
  },
  {
    name: "ours: TRANSACTION_DETAIL",
    records: [transaction(4, 6, 17)],
    stream: [[4, u32(4), u32(6)], [0x78730002, u32(4), u32(6), u32(17), u32(0)]],
  },
  {
    name: "ours: DOMAIN_DETAIL",
    records: [
      domain(3, { uniqueId: 0xfedcba9876543210n, introduced: true, shutdownSeen: true }),
    ],
    stream: [[0x78730004, u16(3), u16(0x7ff4), u32(3), u64(0xfedcba9876543210n)]],
  },
  {
    name: "all that is said of a domain",
    versions: [2],
    records: [
      domain(3, {
        uniqueId: 5n,
        introduced: true,
        target: 1,
        features: 14,
        quotas: QUOTAS,
        port: 6,
        hasRing: true,
      }),
      ring(7, 3, 12, { transactionIdLast: 0 }),
      watch(7, "/", "t"),
    ],
    stream: [
      [
        ...[2, u32(7), u16(0), u16(1), u16(3), u16(1), u32(12), u16(0), u16(0), u32(0)] as const,
        u64(5n),
      ],
      [0x78730003, u32(7), u32(0), u32(0), u32(0)],
      [0x78730001, u32(7), u32(6), u64(0n)],
      [3, u32(7), u16(2), u16(2), "/\0", "t\0"],
      [7, u16(3), u16(1), u32(14), u32(128), "watches\0"],
      [0x78730004, u16(3), u16(1), u32(1), u64(5n)],
    ],
  },
  {
    name: "ours: SETTING_DETAIL",
    records: [{ kind: "setting", name: "trace", value: "on", configured: "off" }],
    stream: [[0x78730005, u16(6), u16(3), u16(4), u16(0), "trace\0on\0off\0"]],
  },
  {
    name: "ours: SETTING_DETAIL of which the command line said nothing",
    records: [{ kind: "setting", name: "trace", value: "on", configured: null }],
    stream: [[0x78730005, u16(6), u16(3), u16(0), u16(0), "trace\0on\0"]],
  },
];

for (const endian of ["little", "big"] as Endian[]) {
  for (const { name, versions = [1, 2] as const, records, stream: laid } of CASES) {
    Deno.test(`${name}, ${endian} endian: to bytes and back`, () => {
      for (const version of versions) {
        const bytes = stream(endian, version, laid);
        assertEquals(encodeStream(records, { version, endian }), bytes);
        const read = decodeStream(bytes);
        assertEquals(read.records, records);
        assertEquals(
          [read.format, read.version, read.endian, read.skipped, read.notes, read.count],
          ["stream", version, endian, [], [], laid.length],
        );
        assertEquals(
          [...readRecords(bytes)][0]!.offset,
          records.length === 1 && records[0]!.kind === "domain" ? bytes.length : 16,
        );
        // As the specification counts, without the padding.
        const exact = stream(endian, version, laid, false);
        assertEquals(decodeStream(exact).records, records);
      }
    });
  }
}

Deno.test("what two records say of a domain counts once, and its own record counts more", () => {
  const detail = [0x78730004, u16(3), u16(2), u32(1), u64(7n)] as const;
  const wanted = domain(3, { uniqueId: 7n, introduced: true, target: 2, hasRing: true });
  for (const laid of [[RING_3, detail], [detail, RING_3]]) {
    assertEquals(decodeStream(stream("little", 2, laid)).records, [wanted, ring(7, 3, 12)]);
  }
});

const MISPLACED: readonly (readonly [wrong: string, ...laid: Case["stream"][number][]])[] = [
  ["domain 3 is there twice", [7, u16(3), u16(0), u32(0)], [7, u16(3), u16(0), u32(0)]],
  [
    "domain 3 is there twice",
    [0x78730004, u16(3), u16(0), u32(0), u64(0n)],
    [0x78730004, u16(3), u16(0), u32(0), u64(0n)],
  ],
  ["no ring of connection 7 came before", [0x78730001, u32(7), u32(6), u64(0n)]],
  ["connection 7 is not before it", [0x78730003, u32(7), u32(0), u32(0), u32(0)]],
  [
    "connection 7 is not before it",
    RING_3,
    [3, u32(7), u16(2), u16(2), "/\0", "t\0"],
    [0x78730003, u32(7), u32(0), u32(0), u32(0)],
  ],
  [
    "transaction 6 of connection 4 is not before it",
    [4, u32(4), u32(5)],
    [0x78730002, u32(4), u32(6), u32(17), u32(0)],
  ],
  [
    "the ring of domain 3 is there twice",
    RING_3,
    [0x78730001, u32(7), u32(6), u64(0n)],
    [0x78730001, u32(7), u32(6), u64(0n)],
  ],
  [
    "connection 7 is there twice",
    RING_3,
    [0x78730003, u32(7), u32(9), u32(0), u32(0)],
    [0x78730003, u32(7), u32(8), u32(0), u32(0)],
  ],
  [
    "transaction 5 of connection 4 is there twice",
    [4, u32(4), u32(5)],
    [0x78730002, u32(4), u32(5), u32(17), u32(0)],
    [0x78730002, u32(4), u32(5), u32(18), u32(0)],
  ],
];

Deno.test("records of ours that tell more of another one stand behind it, once", () => {
  for (const [wrong, ...laid] of MISPLACED) {
    const error = assertThrows(() => decodeStream(stream("little", 2, laid)), StreamError);
    assertEquals([error.problem, error.record], [wrong, laid.length]);
  }
});

Deno.test("version 1 has no place for depths and features", () => {
  const known = domain(3, { features: 9, quotas: new Map() });
  assertEquals(
    encodeStream([known, watch(4, "/a", "t", 2)], { version: 1, endian: "little" }),
    stream("little", 1, [
      [3, u32(4), u16(3), u16(2), "/a\0", "t\0"],
      [7, u16(3), u16(0), u32(0)],
    ]),
  );
  const features = stream("little", 1, [[7, u16(3), u16(0), u32(9)]]);
  assertEquals(decodeStream(features).records, [{ ...known, features: 0 }]);
});

Deno.test("a depth that no path can have is written as none", () => {
  const options = { version: 2, endian: "little" } as const;
  for (const depth of [0xffff, 1_000_000]) {
    const bytes = encodeStream(
      [watch(1, "/a", "t", depth)],
      options,
    );
    assertEquals(bytes, stream("little", 2, [[3, u32(1), u16(3), u16(2), "/a\0", "t\0"]]));
  }
});

Deno.test("depths can be left out of version 2, for daemons that die of them", () => {
  assertEquals(
    encodeStream([watch(1, "/a", "t", 2)], { version: 2, endian: "little", depths: false }),
    stream("little", 2, [[3, u32(1), u16(3), u16(2), "/a\0", "t\0"]]),
  );
});

Deno.test("without details, our own records are left out", () => {
  const options = { version: 2, endian: "little" } as const;
  for (const { records, stream: laid } of CASES.filter(({ versions }) => versions?.[0] !== 1)) {
    const bytes = encodeStream(records, { ...options, details: false });
    assertEquals(bytes, stream("little", 2, laid.filter(([type]) => type < 0x78730000)));
  }
});

Deno.test("what the specification has ignored is not read: padding, ids of committed nodes", () => {
  const body = [u32(0), u32(77), u16(3), u16(3), u16(2), u16(1), "n", u8(0), u16(0), "/a\0", "val"];
  const bytes = stream("little", 1, [[5, ...body, "\xff\xff\xff\xff\xff\xff"]]);
  assertEquals(decodeStream(bytes).records, [node("/a", "val")]);
});

Deno.test("records of unknown types are skipped and named once", () => {
  const root = [u32(0), u32(0), u16(2), u16(0), u16(0), u16(1), "n", u8(0), u16(0), "/\0"] as const;
  const bytes = stream("big", 2, [[99, "any"], [0x78730099, "ours"], [5, ...root], [99]]);
  const read = decodeStream(bytes);
  assertEquals(read.skipped, [99, 0x78730099]);
  assertEquals([read.records.length, read.count], [1, 1]);
  assertEquals([...readRecords(bytes)].map(({ offset }) => offset), [16 + 16 + 16]);
});

Deno.test("our own records may grow at their end", () => {
  const body = [u32(7), u32(6), u64(1n), "what a later version says"];
  const read = decodeStream(stream("little", 2, [RING_3, [0x78730001, ...body]]));
  assertEquals(read.records[0], domain(3, { target: 1, port: 6, gfn: 1n, hasRing: true }));
});

const DEPTH_2 = watch(4, "/a/b", "t", 2);
const NEXT = transaction(4, 6);

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
  assertEquals(read.records, [socket(2, 8)]);
  assertEquals(read.notes.length, 1);
});
