/**
 * The decoder is given what no writer writes: dumps cut at every byte, and dumps with wrong bytes.
 * All it may do is to give records or a StreamError, soon, and without much memory.
 *
 *     XS_MIGRATE_FUZZ=1000000 deno test -A tests/migrate/fuzz_test.ts
 */
import { assert, assertEquals } from "@std/assert";
import { decodeStream, StreamError } from "../../lib/codec/stream.ts";
import { collectAll, RecordError } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { type Random, Random as Source, withSeed, withSeeds } from "../support/random.ts";
import { corpus, corpusNames, join, lay, preamble, u16, u32 } from "./bytes.ts";
import { draft, draftRecords, OXENSTORED_TEXT, oxenstoredBinary } from "./older.ts";
import { randomRecords } from "./random_records.ts";

/** Mutants of all files together. */
const MUTANTS = Number(Deno.env.get("XS_MIGRATE_FUZZ") ?? 30_000);

const made = randomRecords(new Source(5), 40);

/** Every kind of file that is read. */
const FILES: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ...corpusNames().map((name) => [name, corpus(name)] as const),
  ["draft, little endian", draft("little")],
  ["draft, big endian", draft("big")],
  ["oxenstored's binary", oxenstoredBinary(true)],
  ["oxenstored's binary, as its writer counts", oxenstoredBinary(false)],
  ["oxenstored's text", OXENSTORED_TEXT],
  ["all records, version 2", encodeStream(made, { version: 2, endian: "little" })],
  ["all records, version 1, big endian", encodeStream(made, { version: 1, endian: "big" })],
];

/** Reads and checks; whether there were records. Anything but a StreamError is thrown on. */
function attempt(bytes: Uint8Array): boolean {
  try {
    const read = decodeStream(bytes);
    // No record takes less than two bytes of any format.
    assert(read.records.length <= 2 * read.count, "more records than bytes");
    assert(read.count <= bytes.length, "more records than bytes");
    checkTogether(read.records);
    return true;
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    assertPlace(error, bytes);
    return false;
  }
}

/** Whether they make sense together is said in one line. */
function checkTogether(records: readonly StateRecord[]): void {
  for (const mapping of [null, { from: 1, to: 2 }]) {
    try {
      collectAll(records, mapping);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      assert(error.message.length < 20_000, error.message);
    }
  }
}

function assertPlace({ offset, record, message }: StreamError, bytes: Uint8Array): void {
  assert(Number.isInteger(offset) && offset >= 0 && offset <= bytes.length, message);
  assert(Number.isInteger(record) && record >= 0, message);
  assert(!/[\n\r]/.test(message) && message.length < 500, message);
}

/** Where a file may end unnoticed, since it has no END: behind each of its records. */
function silentEnds(name: string, bytes: Uint8Array): Set<number> {
  const ends = new Set<number>();
  if (/text|txt/.test(name)) {
    bytes.forEach((byte, i) => byte === 10 && ends.add(i + 1));
  } else if (name.startsWith("draft")) {
    let end = 0;
    for (const { length } of draftRecords("little")) ends.add(end += length);
  }
  return ends;
}

for (const [name, bytes] of FILES) {
  Deno.test(`cut at every byte: ${name}`, () => {
    const silent = silentEnds(name, bytes);
    // Files of many KiB are cut where something may be: near their start and their end.
    const step = bytes.length > 20_000 ? 97 : 1;
    for (let length = 0; length < bytes.length; length += step) {
      const read = attempt(bytes.subarray(0, length));
      if (read) assert(silent.has(length), `${length} of ${bytes.length} bytes were read`);
    }
    assertEquals(attempt(bytes), true);
  });
}

const INTERESTING = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x78, 0x0a, 0x2c, 0x2f];
const LENGTHS = [0, 1, 8, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

/** A few changes: bits, bytes, numbers, pieces cut out, doubled, or taken from another file. */
function mutate(random: Random, original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.below(bytes.length);
    switch (random.below(8)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8);
        break;
      case 1:
        bytes[at] = random.pick(INTERESTING);
        break;
      case 2:
      case 3: {
        // Where records have their numbers.
        const word = at - at % 4;
        if (word + 4 > bytes.length) break;
        const view = new DataView(bytes.buffer, word, 4);
        view.setUint32(0, random.pick(LENGTHS), random.chance(0.5));
        break;
      }
      case 4: {
        const half = at - at % 2;
        if (half + 2 > bytes.length) break;
        new DataView(bytes.buffer, half, 2).setUint16(0, random.below(65536), true);
        break;
      }
      case 5:
        bytes = bytes.slice(0, at);
        break;
      case 6:
        bytes = join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16)));
        break;
      default: {
        const [, other] = random.pick(FILES);
        const from = random.below(other.length);
        const piece = other.subarray(from, from + 1 + random.below(64));
        bytes = join(bytes.subarray(0, at), piece, bytes.subarray(at));
      }
    }
  }
  return bytes;
}

Deno.test("mutants of every file give records or a StreamError", () => {
  const mutants = MUTANTS / 2;
  withSeeds((random, fixed) => {
    let read = 0;
    for (let round = 0; round < mutants; round++) {
      const [, original] = FILES[round % FILES.length]!;
      if (attempt(mutate(random, original))) read++;
    }
    // Else it would not have looked far.
    const said = `${read} of ${mutants} were read`;
    assert(!fixed || read > mutants / 100 && read < mutants, said);
  });
});

Deno.test("what mutants of streams say is written and read again the same", () => {
  withSeeds((random, fixed) => {
    let again = 0;
    for (let round = 0; round < MUTANTS / 20; round++) {
      const [, original] = FILES[round % FILES.length]!;
      const bytes = mutate(random, original);
      let read;
      try {
        read = decodeStream(bytes);
      } catch (error) {
        if (error instanceof StreamError) continue;
        throw error;
      }
      try {
        const written = encodeStream(read.records, { version: 2, endian: "big" });
        assertEquals(decodeStream(written).records, read.records);
        again++;
      } catch (error) {
        // oxenstored's formats and the draft have room for more than the final format.
        if (!(error instanceof StreamError) || read.format === "stream") throw error;
      }
    }
    assert(!fixed || again > 0);
  });
});

Deno.test("noise behind a preamble", () => {
  withSeed((random) => {
    for (let round = 0; round < 3000; round++) {
      const noise = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
      attempt(join(preamble(1 + random.below(2), random.below(2)), noise));
      attempt(join(lay("little", u32(1 + random.below(6))), noise));
    }
  });
});

/** Small files that promise much: each number as large as it can be. */
const PROMISES: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["a record of 4 GiB", join(preamble(1, 0), lay("little", u32(5), u32(0xffffffff)))],
  [
    "an unsent output of 4 GiB",
    join(
      preamble(1, 0),
      lay("little", u32(2), u32(24), u32(1), u32(1), u32(5), u32(0), u32(0), u32(0xffffffff)),
    ),
  ],
  [
    "65535 permissions",
    join(
      preamble(1, 0),
      lay("little", u32(5), u32(16), u32(0), u32(0), u32(2), u16(0), u16(0xffff)),
    ),
  ],
  [
    "oxenstored's value of 4 GiB",
    join(
      preamble(1, 1),
      lay("big", u32(5), u32(24), u32(0), u32(0), u32(1), u32(0xffffffff), u32(0), u32(1)),
    ),
  ],
  [
    "oxenstored's 2^32 permissions",
    join(
      preamble(1, 1),
      lay("big", u32(5), u32(24), u32(0), u32(0), u32(1), u32(0), u32(0), u32(0xffffffff)),
    ),
  ],
  [
    "oxenstored's data of 12 GiB",
    join(
      preamble(1, 1),
      lay("big", u32(2), u32(32), u32(1), u32(0), u32(0), u32(0), u32(0)),
      lay("big", u32(0xffffffff), u32(0xffffffff), u32(0xffffffff)),
    ),
  ],
  ["the draft's path of 4 GiB", lay("little", u32(1), u32(0xffffffff))],
  ["the draft's 2^32 permissions", lay("little", u32(1), u32(1), "/\0\0\0", u32(0xffffffff))],
];

for (const [name, bytes] of PROMISES) {
  Deno.test(`a small file that promises ${name} takes no memory for it`, () => {
    const before = Deno.memoryUsage();
    for (let round = 0; round < 1000; round++) assertEquals(attempt(bytes), false);
    const after = Deno.memoryUsage();
    // A thousand times 64 KiB would already show.
    const grown = after.heapUsed - before.heapUsed + after.external - before.external;
    assert(grown < 50_000_000, `${grown} bytes`);
  });
}

Deno.test("many records that say nothing cost what they are", () => {
  const empty = lay("little", u32(99), u32(0));
  const bytes = new Uint8Array(16 + 100_000 * 8 + 8);
  bytes.set(preamble(1, 0));
  for (let i = 0; i < 100_000; i++) bytes.set(empty, 16 + 8 * i);
  const read = decodeStream(bytes);
  assertEquals([read.records.length, read.skipped], [0, [99]]);
  // Types that are not known are named once each, however many there are.
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 100_000; i++) view.setUint32(16 + 8 * i, 100 + i, true);
  assertEquals(decodeStream(bytes).skipped.length, 100_000);
});
