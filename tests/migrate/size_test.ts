/** A large store: what it costs is printed, not asserted. */
import { assertEquals } from "@std/assert";
import {
  decodeStream,
  encodeOxenstoredBinary,
  encodeStream,
  StreamEncoder,
  validateRecords,
} from "../../lib/codec/stream.ts";
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";

const NODES = 100_000;

/** A hundred guests with a thousand nodes each. */
function largeStore(): MigrationRecord[] {
  const records: MigrationRecord[] = [];
  const put = (path: string, text: string, domid: number): void => {
    const perms = [permEntry(0, 0), permEntry(domid, 1)];
    const value = toBytes(text);
    records.push({ kind: "node", connection: 0, transaction: 0, path, value, access: 0, perms });
  };
  for (const path of ["/", "/local", "/local/domain"]) put(path, "", 0);
  for (let domid = 1; records.length < NODES; domid++) {
    put(`/local/domain/${domid}`, "", domid);
    put(`/local/domain/${domid}/device`, "", domid);
    for (let i = 0; i < 998 && records.length < NODES; i++) {
      put(`/local/domain/${domid}/device/vif-${i}`, `state ${i} of ${domid}`, domid);
    }
  }
  return records;
}

function timed<T>(what: string, run: () => T): T {
  const start = performance.now();
  const result = run();
  console.log(`  ${what}: ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

Deno.test(`${NODES} nodes`, () => {
  const records = largeStore();
  for (const endian of ["little", "big"] as const) {
    const options = { version: 2, endian } as const;
    const bytes = timed(`written, ${endian} endian`, () => encodeStream(records, options));
    const read = timed(`read (${bytes.length} bytes)`, () => decodeStream(bytes));
    assertEquals(read.records.length, NODES);
    assertEquals(read.records[NODES - 1], records[NODES - 1]);
    assertEquals(timed("checked", () => validateRecords(read)), []);
  }
  const { bytes } = timed("written for oxenstored", () => encodeOxenstoredBinary(records));
  assertEquals(timed("read", () => decodeStream(bytes)).records.length, NODES);
});

Deno.test("a stream taken in slices is never held as a whole", () => {
  const records = largeStore();
  const encoder = new StreamEncoder({ version: 2, endian: "little" });
  let taken = 0, most = 0;
  for (let i = 0; i < records.length; i++) {
    encoder.put(records[i]!);
    if (i % 1000 !== 999) continue;
    const size = encoder.take().reduce((sum, chunk) => sum + chunk.length, 0);
    most = Math.max(most, size);
    taken += size;
  }
  assertEquals(taken, encoder.length);
  // A thousand nodes of some hundred bytes.
  assertEquals(most < 200_000, true, `${most} bytes`);
});
