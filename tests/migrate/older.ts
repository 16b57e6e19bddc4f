/** Files of the older formats, made by hand from their descriptions in docs/formats.md. */
import type { StateRecord } from "../../lib/state/records.ts";
import { permEntry } from "../../lib/store/perms.ts";
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

/** Domains first, as they are read. */
export const DRAFT_RECORDS: readonly StateRecord[] = [
  domain(1, { hasRing: true }),
  domain(2, { hasRing: true }),
  ring(1, 1, 0, { output: toBytes("abc") }),
  watch(1, "data", "tk"),
  transaction(1, 8),
  transactionNode(1, 8, "/new", { value: toBytes("x"), access: 2, perms: [permEntry(1, 0)] }),
  transactionNode(1, 8, "/vm"),
  ring(2, 2, 0, { output: toBytes("defghi") }),
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

export const OXENSTORED_BINARY_RECORDS: readonly StateRecord[] = [
  domain(5, { port: 17, hasRing: true }),
  { kind: "descriptors", socketFd: 6, eventChannelFd: -1 },
  ring(1, 5, 0, { input: toBytes("inp"), output: toBytes("parest"), partialResponse: 2 }),
  watch(1, "/", "tk"),
  socket(2, 9),
  transaction(2, 44),
  node("/"),
  special("@releaseDomain", [permEntry(0, 0), permEntry(1, 1)]),
  transactionNode(2, 44, "/a", { value: toBytes("val"), access: 3, perms: [permEntry(5, 3)] }),
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

export const OXENSTORED_TEXT_RECORDS: readonly StateRecord[] = [
  domain(0, { port: 1, hasRing: true }),
  domain(7, { port: 5, gfn: 4095n, hasRing: true }),
  { kind: "descriptors", socketFd: 3, eventChannelFd: 6 },
  ring(1, 0),
  ring(2, 7, 12),
  watch(2, "data", "a token"),
  watch(2, "@releaseDomain", "", 1),
  socket(3, 9),
  watch(3, "/", "t"),
  node("/"),
  node("/a", "v\0\xff", [permEntry(7, 0), permEntry(0, 1), permEntry(3, 3)]),
  special("@introduceDomain"),
];
