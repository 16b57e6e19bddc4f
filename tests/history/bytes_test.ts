/** Records as bytes: what was written is read, and nothing else is taken for it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { foldRecords } from "../../lib/history/fold.ts";
import { authorKeys, filterOf, mayHave } from "../../lib/history/filter.ts";
import { hasKeyframe, type HistoryRecord } from "../../lib/history/record.ts";
import { encodeRecords } from "../../lib/history/record_bytes.ts";
import { decodeRecords } from "../../lib/history/record_reader.ts";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { guest, Writer } from "./support.ts";
import { AUTHORS, QUIET, RandomHistory } from "./random_history.ts";

/** Records of every kind, some folded. */
function randomRecords(random: Random, count: number): HistoryRecord[] {
  const source = new RandomHistory(random);
  const records = Array.from({ length: count }, () => source.next());
  records.push(source.restore());
  const { at, number } = source.next();
  const missing = AUTHORS.map((author) => ({ author, count: random.below(1_000_000) }));
  records.push({ type: "gap", number, at, first: number - 1, firstAt: at - 5, missing });
  return random.chance(0.5) ? foldRecords(records, (author) => author !== QUIET).records : records;
}

Deno.test("records are read as they were written", () => {
  for (const { seed } of roundsOf(200, 10)) {
    withSeed((random) => {
      const records = randomRecords(random, random.below(60));
      const sizes: number[] = [];
      const bytes = encodeRecords(records, sizes).slice();
      assertEquals(decodeRecords(bytes), records);
      assertEquals(encodeRecords(records), bytes);
      assertEquals(sizes.length, records.length);
      assert(sizes.reduce((sum, size) => sum + size, 0) < bytes.length);
    }, seed);
  }
});

/** What a record touches, of which one has to be wanted. */
function pathsOf(record: HistoryRecord): readonly string[] | null {
  if (record.type === "gap") return null;
  return record.type === "abort" ? [record.path] : record.changes.map(({ path }) => path);
}

Deno.test("of some paths only the records that touch one of them are read, whole", () => {
  let count = 0;
  for (const { seed } of roundsOf(100, 20)) {
    withSeed((random) => {
      const records = randomRecords(random, random.below(60)), bytes = encodeRecords(records);
      const wanted = new Set(
        records.flatMap((record) => pathsOf(record) ?? []).filter(() => random.chance(0.1)),
      );
      const wants = (path: string): boolean => wanted.has(path);
      const expected = records.filter((record) =>
        hasKeyframe(record) || pathsOf(record)?.some(wants)
      );
      assertEquals(decodeRecords(bytes, wants), expected);
      count += records.length - expected.length;
    }, seed);
  }
  assert(count > 200, `${count} were left out`);
});

/** All that a filter of records must have: their paths, those above them, and what their authors are looked up by. */
function keysOf(records: readonly HistoryRecord[]): Set<string> {
  const keys = new Set<string>();
  for (const record of records) {
    const authors = record.type === "gap"
      ? record.missing.map(({ author }) => author)
      : [record.author];
    for (const key of authors.flatMap(authorKeys)) keys.add(key);
    for (const path of pathsOf(record) ?? []) {
      for (let to = path.length; to > 0; to = path.lastIndexOf("/", to - 1)) {
        keys.add(path.slice(0, to));
      }
    }
  }
  return keys;
}

Deno.test("the filter of records has all that they touch, once", () => {
  for (const { seed } of roundsOf(300, 20)) {
    withSeed((random) => {
      const records = randomRecords(random, random.below(60)), keys = keysOf(records);
      const filter = filterOf(encodeRecords(records));
      for (const key of keys) assert(mayHave(filter, key), key);
      // One byte for each, and one more. Two of them may have the same hash.
      assert(filter.length <= keys.size + 1 && filter.length > keys.size - 2, `${keys.size}`);
    }, seed);
  }
  const paths = Array.from({ length: 990 }, (_, i) => "/d".repeat(990 - i));
  const records = [
    new Writer().commit(1, guest(1), Object.fromEntries(paths.map((p) => [p, "v"]))),
  ];
  const filter = filterOf(encodeRecords(records));
  for (const path of paths) assert(mayHave(filter, path), path);
  assert(!mayHave(filter, "/other"));
});

Deno.test("no records are few bytes, and numbers of any size pass", () => {
  assertEquals(decodeRecords(encodeRecords([])), []);
  const number = Number.MAX_SAFE_INTEGER, at = 8_640_000_000_000_000;
  const record: HistoryRecord = {
    type: "commit",
    number,
    at,
    author: { kind: "domain", domid: 65535, uniqueId: 2n ** 64n - 1n, name: "\0\xff" },
    kind: "start",
    operations: 0,
    detail: "after a kill",
    changes: [{
      path: "/" + "a".repeat(3_000),
      old: null,
      new: { value: new Uint8Array(70_000), perms: [0xffffffff] },
      count: 2,
      first: 0,
      firstAt: -5,
    }],
    moved: 3,
    isKeyframe: false,
  };
  assertEquals(decodeRecords(encodeRecords([record, { ...record, at: 0 }])), [
    record,
    { ...record, at: 0 },
  ]);
});

Deno.test("damaged records are refused, whatever the bytes are", () => {
  let refused = 0, cut = 0;
  for (const { seed } of roundsOf(150, 50)) {
    withSeed((random) => {
      const bytes = encodeRecords(randomRecords(random, 12)).slice();
      for (let i = 0; i < 40; i++) {
        const damaged = bytes.slice(0, random.chance(0.2) ? random.below(bytes.length) : undefined);
        for (let times = 1 + random.below(3); times > 0 && damaged.length > 0; times--) {
          damaged[random.below(damaged.length)] = random.below(256);
        }
        try {
          const wants = random.chance(0.3) ? (path: string) => path.length % 2 === 0 : null;
          const records = decodeRecords(damaged, wants);
          // What can be read is a record like any other.
          assertEquals(decodeRecords(encodeRecords(records)), records);
        } catch (error) {
          assert(error instanceof DamagedError, String(error));
          refused++;
        }
        try {
          filterOf(damaged);
        } catch (error) {
          assert(error instanceof DamagedError, String(error));
        }
      }
      assertThrows(() => decodeRecords(bytes.slice(0, -1)), DamagedError);
      assertThrows(() => decodeRecords(new Uint8Array([...bytes, 0])), DamagedError, "more behind");
      assertThrows(
        () => decodeRecords(new Uint8Array([2, ...bytes.slice(1)])),
        DamagedError,
        "records of format 2: this xs reads 1",
      );
      cut++;
    }, seed);
  }
  assert(refused > cut * 10);
});

Deno.test("a count in damaged bytes takes no memory that the bytes do not have", () => {
  // Format, no authors, 2^49 records.
  const many = new Uint8Array([1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  assertThrows(() => decodeRecords(many), DamagedError);
});
