/** Files of the older formats, made by hand from their descriptions in docs/migration.md. */
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Endian, join, lay, preamble, record, u16, u32, u8 } from "./bytes.ts";

const none = new Uint8Array(0);

/** Records of the draft of 2020, one behind the other, children before their parents. */
export function draft(endian: Endian): Uint8Array<ArrayBuffer> {
  return join(...draftRecords(endian));
}

export function draftRecords(endian: Endian): Uint8Array[] {
  const r1 = ["r", u8(0), u16(1)] as const;
  return [
    lay(endian, u32(1), u32(9), "/vm/a/b/c", "\0\0\0", u32(1), ...r1, u32(0)),
    join(
      lay(endian, u32(1), u32(3), "/vm", "\0", u32(2), "n", u8(0), u16(0), ...r1),
      lay(endian, u32(5), "v\0lue", "\0\0\0"),
    ),
    lay(endian, u32(6), u16(1), u16(0)),
    lay(endian, u32(2), u32(4), "data", u32(2), "tk", "\0\0"),
    lay(endian, u32(4), u32(8), u32(4), "/new", u32(1), "n", u8(0), u16(1), u32(1), "x", "\0\0\0"),
    lay(endian, u32(3), u32(8)),
    lay(endian, u32(4), u32(8), u32(3), "/vm", "\0", u32(0), u32(0)),
    lay(endian, u32(5), u32(3), "abc", "\0"),
    lay(endian, u32(6), u16(2), u16(0)),
    lay(endian, u32(5), u32(2), "de", "\0\0"),
    lay(endian, u32(5), u32(4), "fghi"),
  ];
}

function node(path: string, value: string, perms: readonly number[]): MigrationRecord {
  const bytes = toBytes(value);
  return { kind: "node", connection: 0, transaction: 0, path, value: bytes, access: 0, perms };
}

function ring(id: number, domid: number, port: number, output = ""): MigrationRecord {
  return {
    kind: "connection",
    id,
    end: { kind: "ring", domid, target: null, port },
    input: none,
    output: toBytes(output),
    partialResponse: 0,
    uniqueId: null,
  };
}

export const DRAFT_RECORDS: readonly MigrationRecord[] = [
  ring(1, 1, 0, "abc"),
  { kind: "watch", connection: 1, path: "data", token: "tk", depth: Infinity },
  { kind: "transaction", connection: 1, id: 8 },
  {
    kind: "node",
    connection: 1,
    transaction: 8,
    path: "/new",
    value: toBytes("x"),
    access: 2,
    perms: [permEntry(1, 0)],
  },
  {
    kind: "node",
    connection: 1,
    transaction: 8,
    path: "/vm",
    value: none,
    access: 0,
    perms: [],
  },
  ring(2, 2, 0, "defghi"),
  node("/vm", "v\0lue", [permEntry(0, 0), permEntry(1, 1)]),
  node("/vm/a/b/c", "", [permEntry(1, 1)]),
];

/** oxenstored's binary format; `whole` when the connection's length counts all of its data. */
export function oxenstoredBinary(whole: boolean): Uint8Array<ArrayBuffer> {
  const big = (...pieces: Parameters<typeof lay>[1][]): Uint8Array => lay("big", ...pieces);
  const connection = record(
    "big",
    2,
    big(
      ...[u32(1), u32(0), u32(0), u16(5), u16(0x7ff4), u32(17), u32(3), u32(2), u32(4)],
      ...["inp", "pa", "rest"],
    ),
    false,
  );
  if (!whole) new DataView(connection.buffer).setUint32(4, 32 + 3 + 4);
  return join(
    preamble(1, 1),
    record("big", 1, big(u32(6), u32(0xffffffff)), false),
    connection,
    record("big", 3, big(u32(1), u32(1), u32(2), "/", "tk"), false),
    record("big", 2, big(u32(2), u32(1), u32(0), u32(9), u32(0), u32(0), u32(0), u32(0)), false),
    record("big", 4, big(u32(2), u32(44)), false),
    record(
      "big",
      5,
      big(u32(0), u32(0), u32(1), u32(0), u32(0), u32(1), "n", u8(0), u16(0), "/"),
      false,
    ),
    record(
      "big",
      5,
      big(
        ...[u32(0), u32(0), u32(15), u32(0), u32(0), u32(2), "n", u8(0), u16(0), "r", u8(0)],
        ...[u16(1), "/@releaseDomain"],
      ),
      false,
    ),
    record(
      "big",
      5,
      big(u32(2), u32(44), u32(2), u32(3), u32(3), u32(1), "b", u8(0), u16(5), "/a", "val"),
      false,
    ),
    record("big", 0, none),
  );
}

export const OXENSTORED_BINARY_RECORDS: readonly MigrationRecord[] = [
  { kind: "global", socketFd: 6, eventChannelFd: -1 },
  {
    kind: "connection",
    id: 1,
    end: { kind: "ring", domid: 5, target: null, port: 0 },
    input: toBytes("inp"),
    output: toBytes("parest"),
    partialResponse: 2,
    uniqueId: null,
  },
  { kind: "ring-detail", connection: 1, gfn: 0n, remotePort: 17 },
  { kind: "watch", connection: 1, path: "/", token: "tk", depth: Infinity },
  {
    kind: "connection",
    id: 2,
    end: { kind: "socket", fd: 9 },
    input: none,
    output: none,
    partialResponse: 0,
    uniqueId: null,
  },
  { kind: "transaction", connection: 2, id: 44 },
  node("/", "", [permEntry(0, 0)]),
  node("@releaseDomain", "", [permEntry(0, 0), permEntry(1, 1)]),
  {
    kind: "node",
    connection: 2,
    transaction: 44,
    path: "/a",
    value: toBytes("val"),
    access: 3,
    perms: [permEntry(5, 3)],
  },
];

const hex = (text: string): string => toBytes(text).toHex();

/** oxenstored's text dump, with what versions before and after the one in Debian write. */
export const OXENSTORED_TEXT: Uint8Array<ArrayBuffer> = lay(
  "big",
  [
    "$xenstored-dump-format",
    "global,3,4",
    "evtchn-dev,6,2",
    "dom,0,0,1",
    "dom,7,4095,5,12",
    `watch,7,${hex("data")},${hex("a token")}`,
    `watch,7,${hex("@releaseDomain")},,1`,
    "socket,9",
    `watch,-9,${hex("/")},${hex("t")},-1`,
    `store,${hex("/")},${hex("n0")},`,
    `store,${hex("/a")},${hex("n7\0r0\0b3")},${hex("v\0\xff")}`,
    `store,${hex("/@introduceDomain")},${hex("n0")},`,
    "later,1,2",
    "",
  ].join("\n"),
);

export const OXENSTORED_TEXT_RECORDS: readonly MigrationRecord[] = [
  { kind: "global", socketFd: 3, eventChannelFd: 6 },
  ring(1, 0, 0),
  { kind: "ring-detail", connection: 1, gfn: 0n, remotePort: 1 },
  ring(2, 7, 12),
  { kind: "ring-detail", connection: 2, gfn: 4095n, remotePort: 5 },
  { kind: "watch", connection: 2, path: "data", token: "a token", depth: Infinity },
  { kind: "watch", connection: 2, path: "@releaseDomain", token: "", depth: 1 },
  {
    kind: "connection",
    id: 3,
    end: { kind: "socket", fd: 9 },
    input: none,
    output: none,
    partialResponse: 0,
    uniqueId: null,
  },
  { kind: "watch", connection: 3, path: "/", token: "t", depth: Infinity },
  node("/", "", [permEntry(0, 0)]),
  node("/a", "v\0\xff", [permEntry(7, 0), permEntry(0, 1), permEntry(3, 3)]),
  node("@introduceDomain", "", [permEntry(0, 0)]),
];
