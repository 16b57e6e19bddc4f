/** A large store: what it costs is printed, not asserted. */
import { assertEquals } from "@std/assert";
import { decodeStream, encodeOxenstoredBinary, StreamEncoder } from "../../lib/codec/stream.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { node } from "../support/records.ts";

const NODES = 100_000;

/** A hundred guests with a thousand nodes each. */
function largeStore(): StateRecord[] {
  const records: StateRecord[] = [];
  const put = (path: string, text: string, domid: number): void => {
    records.push(node(path, text, [permEntry(0, 0), permEntry(domid, 1)]));
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
    assertEquals(timed("checked", () => collectAll(read.records)).nodes, NODES);
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
