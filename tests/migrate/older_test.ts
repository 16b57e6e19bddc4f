/** The older formats, made by hand from their descriptions. */
import { assertEquals } from "@std/assert";
import { decodeStream, detectFormat, encodeOxenstoredBinary } from "../../lib/codec/stream.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { domain, ring, watch } from "../support/records.ts";
import { lay, preamble, record, stream, u16, u32, u8 } from "./bytes.ts";
import {
  draft,
  DRAFT_RECORDS,
  OXENSTORED_BINARY_RECORDS,
  OXENSTORED_TEXT,
  OXENSTORED_TEXT_RECORDS,
  oxenstoredBinary,
} from "./older.ts";

for (const endian of ["little", "big"] as const) {
  Deno.test(`the draft of 2020, ${endian} endian`, () => {
    const read = decodeStream(draft(endian));
    assertEquals([read.format, read.version, read.endian], ["draft-2020", 0, endian]);
    assertEquals(read.records, DRAFT_RECORDS);
    assertEquals(read.notes, []);
    assertEquals(read.count, read.records.length);
  });

  Deno.test(`a single record of the draft, ${endian} endian`, () => {
    const bytes = lay(endian, u32(2), u32(1), "/", "\0\0\0", u32(0));
    const read = decodeStream(bytes);
    // Nobody: the carrier of the record knows the domain.
    const nobody = domain(0x7ff4, { hasRing: true });
    assertEquals(read.records, [nobody, ring(1, 0x7ff4), watch(1, "/", "")]);
    assertEquals(read.notes.length, 1);
  });
}

for (const whole of [true, false]) {
  const name = whole ? "a length that counts all" : "the length that its writer counted";
  Deno.test(`oxenstored's binary format, ${name}`, () => {
    const read = decodeStream(oxenstoredBinary(whole));
    assertEquals([read.format, read.version, read.endian], ["oxenstored-binary", 1, "big"]);
    assertEquals(read.records, OXENSTORED_BINARY_RECORDS);
    assertEquals(read.skipped, []);
    collectAll(read.records);
  });
}

Deno.test("oxenstored's binary format is written as described", () => {
  const { bytes, notes } = encodeOxenstoredBinary(OXENSTORED_BINARY_RECORDS);
  assertEquals(bytes, oxenstoredBinary(true));
  assertEquals(notes, []);
});

Deno.test("oxenstored's text dump", () => {
  const read = decodeStream(OXENSTORED_TEXT);
  assertEquals(read.format, "oxenstored-text");
  assertEquals(read.records, OXENSTORED_TEXT_RECORDS);
  collectAll(read.records);
  assertEquals(read.notes.length, 2, read.notes.join("; "));
});

Deno.test("a depth in oxenstored's text dump that no path has is none", () => {
  for (const [given, depth] of [[0, 0], [65534, 65534], [65535, Infinity], [657465, Infinity]]) {
    const text = toText(OXENSTORED_TEXT).replace(",,1\n", `,,${given}\n`);
    const found = decodeStream(toBytes(text)).records.filter(({ kind }) => kind === "watch")[1];
    assertEquals(found, watch(2, "@releaseDomain", "", depth!));
  }
});

Deno.test("the two big-endian formats of version 1 are told apart", () => {
  for (const records of [OXENSTORED_BINARY_RECORDS, OXENSTORED_TEXT_RECORDS]) {
    const ours = encodeStream(records, { version: 1, endian: "big" });
    assertEquals(detectFormat(ours).format, "stream");
    assertEquals(detectFormat(encodeOxenstoredBinary(records).bytes).format, "oxenstored-binary");
  }
  // Records that are the same in both.
  const both = stream("big", 1, [[1, u32(3), u32(-1)], [4, u32(1), u32(2)]]);
  assertEquals(detectFormat(both).format, "stream");
  // A socket without data fits both; the node behind it does not.
  const socket = lay("big", u32(1), u32(1), u32(0), u32(9), u32(0), u32(0), u32(0), u32(0));
  const slash = lay("big", u32(0), u32(0), u32(1), u32(0), u32(0), u32(1), "n", u8(0), u16(0), "/");
  const file = [
    preamble(1, 1),
    record("big", 2, socket, false),
    record("big", 5, slash, false),
    record("big", 0, new Uint8Array(0)),
  ];
  const read = decodeStream(new Uint8Array(file.flatMap((part) => [...part])));
  assertEquals(read.format, "oxenstored-binary");
  assertEquals(read.records.map(({ kind }) => kind), ["connection", "node"]);
  // What is damaged later on stays what its first records are.
  const node = lay("big", u32(0), u32(0), u32(1), u32(0), u32(0), u32(1), "n", u8(0), u16(0), "/");
  const other = [preamble(1, 1), record("big", 5, node, false), lay("big", u32(5), u32(999))];
  const bytes = new Uint8Array(other.flatMap((part) => [...part]));
  assertEquals(detectFormat(bytes).format, "oxenstored-binary");
});
