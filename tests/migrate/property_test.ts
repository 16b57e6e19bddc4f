/** Whatever the records, they come back; whatever the dump, its bytes come back. */
import { assert, assertEquals } from "@std/assert";
import {
  decodeStream,
  encodeOxenstoredBinary,
  readRecords,
  StreamEncoder,
} from "../../lib/codec/stream.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import type { Domain, StateRecord } from "../../lib/state/records.ts";
import { isStale, permEntry, type Perms } from "../../lib/store/perms.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { domain } from "../support/records.ts";
import { type Random, withSeed } from "../support/random.ts";
import { corpus, corpusNames, join } from "./bytes.ts";
import { randomRecords } from "./random_records.ts";

const ROUNDS = 300;

/** What is left of a record in a stream of a version, with our own records or without. */
function kept(record: StateRecord, version: 1 | 2, details = true): StateRecord[] {
  switch (record.kind) {
    case "watch":
      return [version === 1 ? { ...record, depth: Infinity } : record];
    case "domain":
      return keptDomain(version === 1 ? { ...record, features: 0 } : record, details);
    case "connection":
      return [details ? record : { ...record, ignored: false, transactionIdLast: null }];
    case "transaction":
      return [details ? record : { ...record, operations: null }];
    case "setting":
      return details ? [record] : [];
    default:
      return [record];
  }
}

function keptDomain(record: Domain, details: boolean): Domain[] {
  if (details) return [record];
  const { domid, features, hasRing, quotas, target, uniqueId } = record;
  if (!hasRing && quotas === null) return [];
  const ofRing = hasRing ? { hasRing, target, uniqueId } : {};
  return [domain(domid, { features, quotas, ...ofRing })];
}

/** As they are read: domains of which a record of their own tells behind those of which only rings do. */
function inOrder(records: readonly StateRecord[]): StateRecord[] {
  const own = (record: StateRecord): boolean =>
    record.kind === "domain" && (record.quotas !== null || record.introduced !== null);
  const ofRings = new Map(
    records.flatMap((record) =>
      record.kind === "domain" && !own(record) ? [[record.domid, record]] : []
    ),
  );
  const rings = records.flatMap((record) => {
    if (record.kind !== "connection" || record.end.kind !== "ring") return [];
    const its = ofRings.get(record.end.domid);
    return its === undefined ? [] : [its];
  });
  return [...rings, ...records.filter(own), ...records.filter(({ kind }) => kind !== "domain")];
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
            const wanted = inOrder(records.flatMap((record) => kept(record, version, details)));
            assertEquals(read.records, wanted);
            assertEquals(
              [read.format, read.version, read.endian, read.skipped, read.notes],
              ["stream", version, endian, [], []],
            );
            const oneByOne = [...readRecords(bytes)].map(({ record }) => record);
            const isDomain = ({ kind }: StateRecord): boolean => kind === "domain";
            const others = wanted.filter((record) => !isDomain(record));
            assertEquals(oneByOne, [...others, ...wanted.filter(isDomain)]);
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
    collectAll(read.records);
    for (const version of [1, 2] as const) {
      for (const endian of ["little", "big"] as const) {
        const again = decodeStream(encodeStream(read.records, { version, endian }));
        assertEquals(again.records, read.records.flatMap((record) => kept(record, version)));
        const same = again.version === read.version && again.endian === read.endian;
        // Where something was written wrongly, a note says so, and it is written rightly.
        if (same && read.format === "stream" && read.notes.length === 0) {
          assertEquals(encodeStream(read.records, { version, endian }), bytes);
        }
      }
    }
  });
}

/** What oxenstored's binary format has a place for, as it comes back from it. */
function forOxenstored(records: readonly StateRecord[]): StateRecord[] {
  const domains = new Map(
    records.flatMap((record) => record.kind === "domain" ? [[record.domid, record]] : []),
  );
  const rings: StateRecord[] = [];
  const others = records.flatMap((record): StateRecord[] => {
    switch (record.kind) {
      case "descriptors":
        return [{ ...record, eventChannelFd: -1 }];
      case "connection": {
        const { end } = record, bare = { ...record, ignored: false, transactionIdLast: null };
        if (end.kind === "socket") return [bare];
        const { port = null, target = null } = domains.get(end.domid) ?? {};
        rings.push(domain(end.domid, { port: port ?? 0, target, hasRing: true }));
        return [{ ...bare, end: { ...end, port: 0 } }];
      }
      case "watch":
        return [{ ...record, depth: Infinity }];
      case "transaction":
        return [{ ...record, operations: null }];
      case "node":
      case "special":
      case "transaction-node":
        return [{ ...record, perms: withoutStale(record.perms) }];
      default:
        return [];
    }
  });
  return [...rings, ...others];
}

function withoutStale(perms: Perms): Perms {
  return perms
    .map((entry, i) => i === 0 && isStale(entry) ? permEntry(0, entry >> 16 & 3) : entry)
    .filter((entry) => !isStale(entry));
}

Deno.test("oxenstored's binary format: what it has a place for comes back", () => {
  withSeed((random: Random) => {
    for (let round = 0; round < ROUNDS; round++) {
      const records = randomRecords(random, 12);
      const { bytes } = encodeOxenstoredBinary(records);
      const read = decodeStream(bytes);
      const wanted = forOxenstored(records);
      // Other records may fit both formats: a file without nodes and watches can't be told.
      const telling = wanted.some(({ kind }) => /node|special|watch/.test(kind));
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
