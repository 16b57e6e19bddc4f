/** Whatever the records, they come back; whatever the dump, its bytes come back. */
import { assert, assertEquals } from "@std/assert";
import {
  decodeStream,
  encodeOxenstoredBinary,
  encodeStream,
  readRecords,
  StreamEncoder,
  validateRecords,
} from "../../lib/codec/stream.ts";
import type { MigrationRecord, NodeRecord } from "../../lib/codec/records.ts";
import { isStale, permEntry } from "../../lib/store/perms.ts";
import { type Random, withSeed } from "../support/random.ts";
import { corpus, corpusNames, join } from "./bytes.ts";
import { randomRecords } from "./random_records.ts";

const ROUNDS = 300;

/** What is left of a record in a stream of a version. */
function kept(record: MigrationRecord, version: 1 | 2): MigrationRecord {
  if (version === 2) return record;
  if (record.kind === "watch") return { ...record, depth: Infinity };
  if (record.kind === "domain") return { ...record, features: 0 };
  return record;
}

for (const version of [1, 2] as const) {
  for (const endian of ["little", "big"] as const) {
    for (const details of [true, false]) {
      const name = `version ${version}, ${endian} endian, ${details ? "with" : "no"} details`;
      Deno.test(`records to bytes to records: ${name}`, () => {
        withSeed((random) => {
          for (let round = 0; round < ROUNDS; round++) {
            const records = randomRecords(random, 12);
            const bytes = encodeStream(records, { version, endian, details });
            assertEquals(bytes.length % 8, 0);
            const read = decodeStream(bytes);
            const wanted = records
              .filter(({ kind }) => details || !kind.endsWith("-detail"))
              .map((record) => kept(record, version));
            assertEquals(read.records, wanted);
            assertEquals(
              [read.format, read.version, read.endian, read.skipped, read.notes],
              ["stream", version, endian, [], []],
            );
            assertEquals([...readRecords(bytes)].map(({ record }) => record), wanted);
          }
        });
      });
    }
  }
}

Deno.test("slices taken while records are put are the same bytes", () => {
  withSeed((random) => {
    for (let round = 0; round < 30; round++) {
      const records = randomRecords(random, 60);
      const options = { version: 2, endian: "little" } as const;
      const encoder = new StreamEncoder(options);
      const chunks: Uint8Array[] = [];
      for (const record of records) {
        encoder.put(record);
        if (random.chance(0.2)) chunks.push(...encoder.take());
      }
      encoder.end();
      chunks.push(...encoder.take());
      const bytes = join(...chunks);
      assertEquals(bytes, encodeStream(records, options));
      assertEquals(encoder.length, bytes.length);
      assertEquals(encoder.take(), []);
    }
  });
});

for (const name of corpusNames()) {
  Deno.test(`${name}: makes sense, and its records come back in every form`, () => {
    const bytes = corpus(name);
    const read = decodeStream(bytes);
    assert(read.records.length > 5);
    assertEquals(validateRecords(read), []);
    for (const version of [1, 2] as const) {
      for (const endian of ["little", "big"] as const) {
        const again = decodeStream(encodeStream(read.records, { version, endian }));
        assertEquals(again.records, read.records.map((record) => kept(record, version)));
        assertEquals(validateRecords(again), []);
        const same = again.version === read.version && again.endian === read.endian;
        // Where something was written wrongly, a note says so, and it is written rightly.
        if (same && read.format === "stream" && read.notes.length === 0) {
          assertEquals(encodeStream(read.records, { version, endian }), bytes);
        }
      }
    }
  });
}

/** A record that oxenstored's binary format has a place for, as it comes back from it. */
function forOxenstored(records: readonly MigrationRecord[]): MigrationRecord[] {
  const ids = new Set<number>();
  const ports = new Map<number, number>();
  for (const record of records) {
    if (record.kind === "ring-detail") ports.set(record.connection, record.remotePort);
  }
  return records.flatMap((record): MigrationRecord[] => {
    switch (record.kind) {
      case "global":
        return [{ ...record, eventChannelFd: -1 }];
      case "connection": {
        ids.add(record.id);
        const { end, id } = record;
        if (end.kind === "socket") return [{ ...record, uniqueId: null }];
        const remotePort = ports.get(id) ?? 0;
        return [
          { ...record, end: { ...end, port: 0 }, uniqueId: null },
          { kind: "ring-detail", connection: id, gfn: 0n, remotePort },
        ];
      }
      case "watch":
        return [{ ...record, depth: Infinity }];
      case "transaction":
        return [record];
      case "node":
        return [withoutStale(record)];
      default:
        return [];
    }
  });
}

function withoutStale(node: NodeRecord): NodeRecord {
  const perms = node.perms
    .map((entry, i) => i === 0 && isStale(entry) ? permEntry(0, entry >> 16 & 3) : entry)
    .filter((entry) => !isStale(entry));
  return { ...node, perms };
}

Deno.test("oxenstored's binary format: what it has a place for comes back", () => {
  withSeed((random: Random) => {
    for (let round = 0; round < ROUNDS; round++) {
      const records = randomRecords(random, 12);
      const { bytes } = encodeOxenstoredBinary(records);
      const read = decodeStream(bytes);
      const wanted = forOxenstored(records);
      // Other records may fit both formats: a file without nodes and watches can't be told.
      const telling = wanted.some(({ kind }) => kind === "node" || kind === "watch");
      if (telling) assertEquals(read.format, "oxenstored-binary");
      if (read.format === "oxenstored-binary") assertEquals(read.records, wanted);
    }
  });
});

Deno.test("oxenstored's binary format says what it has no place for", () => {
  const { bytes, notes } = encodeOxenstoredBinary(
    decodeStream(corpus("c-4.17-guests.bin")).records,
  );
  assertEquals(decodeStream(bytes).format, "oxenstored-binary");
  assertEquals(notes, [
    "the descriptor of the event channels",
    "remote ports of event channels: not known",
  ]);
});
