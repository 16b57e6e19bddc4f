/** Dumped in any form and restored, a store is what it was. */
import { assert, assertEquals } from "@std/assert";
import type { Archive } from "../../lib/archive/archive.ts";
import { diffArchives, type Difference } from "../../lib/archive/diff.ts";
import { differenceLines } from "../../lib/archive/diff_text.ts";
import { type Format, formatArchive } from "../../lib/archive/format.ts";
import { fromJson } from "../../lib/codec/json.ts";
import { readStoreArchive } from "../../lib/archive/store_source.ts";
import { loadState, writeStore } from "../../lib/archive/store_target.ts";
import { check } from "../../lib/engine/recount.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { decodeStream } from "../../lib/codec/stream.ts";
import { Hypervisor, Life } from "../support/lives.ts";
import { testSeed, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { fill, recordsOf } from "./random_store.ts";

const STREAMS: readonly Format[] = [
  { format: "stream", version: 1, endian: "little" },
  { format: "stream", version: 1, endian: "big" },
  { format: "stream", version: 2, endian: "little" },
  { format: "stream", version: 2, endian: "big" },
];
const JSON_LINES: Format = { format: "json", version: 2, endian: "little" };
const ROUNDS = 6;
/** Restored domains live on in the boot of the host in which they were restored. */
const BOOT = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();

function archiveOf(name: string, records: readonly StateRecord[]): Archive {
  return { name, records, nodesOnly: false, notes: [] };
}

function bytesOf(archive: Archive, how: Format): Uint8Array<ArrayBuffer> {
  const chunks = [...formatArchive(archive, how, () => {})];
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

function decoded(bytes: Uint8Array<ArrayBuffer>, how: Format): readonly StateRecord[] {
  if (how.format === "json") return fromJson(bytes);
  const stream = decodeStream(bytes);
  collectAll(stream.records);
  assertEquals([stream.version, stream.endian], [how.version, how.endian]);
  return stream.records;
}

function assertSame(before: Archive, after: Archive, expected: (d: Difference) => boolean): void {
  const found = diffArchives(before, after).filter((difference) => !expected(difference));
  assertEquals(found.flatMap((difference) => differenceLines(difference, false)), []);
}

/** Version 1 says neither how deep a watch reaches nor what is offered to a domain. */
function asInVersion1(record: StateRecord): StateRecord {
  if (record.kind === "watch") return { ...record, depth: Infinity };
  return record.kind === "domain" ? { ...record, features: 0 } : record;
}

/** Domains of which no features are told are offered the usual ones. */
function isFeatures(difference: Difference): boolean {
  return difference.kind === "domain" && difference.name.endsWith("features");
}

function isOfSocket(difference: Difference): boolean {
  return difference.kind !== "node" && difference.name.endsWith("of a socket");
}

Deno.test("a dump in any form, restored and taken up, is the store it was", async () => {
  await using scratch = await makeScratch();
  withSeed((random) => {
    for (let round = 0; round < ROUNDS; round++) {
      const hypervisor = new Hypervisor(), folder = `${scratch.path}/${round}`;
      Deno.mkdirSync(folder);
      hypervisor.create(0);
      const life = new Life(hypervisor, `${folder}/store`);
      fill(random, hypervisor, life);
      const before = archiveOf("before", recordsOf(life.state));
      life.journal.commit();
      const stored = readStoreArchive(`${folder}/store`, null, "stored");
      assertSame(before, stored, isOfSocket);
      for (const [i, how] of [...STREAMS, JSON_LINES].entries()) {
        const bytes = bytesOf(before, how);
        const read = archiveOf("read", decoded(bytes, how));
        const { records } = before, isFirst = how.version === 1;
        const kept = archiveOf("kept", isFirst ? records.map(asInVersion1) : records);
        assertSame(kept, read, () => false);
        assertEquals(bytesOf(read, how), bytes, "it is not written as it was read");
        const path = `${folder}/restored-${i}`;
        const { report, state } = loadState(collectAll(read.records), true);
        writeStore(path, state);
        const isLost = (difference: Difference): boolean =>
          isOfSocket(difference) || isFirst && isFeatures(difference);
        assertSame(read, readStoreArchive(path, null, "restored"), isLost);
        const next = new Life(hypervisor, path, undefined, "crash", BOOT);
        assertEquals(check(next.state), [], "counters differ from a recount");
        assertSame(read, archiveOf("taken up", recordsOf(next.state)), isLost);
        assertEquals(report.nodes, next.state.accounts.total("nodes") - 2);
        next.close();
      }
      life.close();
    }
  }, testSeed());
});

Deno.test("oxenstored's binary keeps nodes, permissions, watches and transactions", async () => {
  await using scratch = await makeScratch();
  withSeed((random) => {
    const hypervisor = new Hypervisor();
    hypervisor.create(0);
    const life = new Life(hypervisor, `${scratch.path}/store`);
    fill(random, hypervisor, life);
    const before = archiveOf("before", recordsOf(life.state));
    const bytes = bytesOf(before, { format: "oxenstored-binary", version: 1, endian: "big" });
    const { format, records } = decodeStream(bytes);
    assertEquals(format, "oxenstored-binary");
    const after = archiveOf("after", records);
    assertSame(before, after, (difference) => {
      if (difference.kind === "node") {
        // It has no stale entries, and no specials.
        return difference.path.startsWith("@") || difference.before!.perms.length > 1;
      }
      return difference.kind !== "transaction";
    });
    assert(records.some(({ kind }) => kind === "watch"));
    life.close();
  });
});
