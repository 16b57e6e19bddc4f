import { assertEquals } from "@std/assert";
import { ByteReader } from "../../lib/codec/journal/byte_reader.ts";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import { putPerms, readPerms } from "../../lib/codec/journal/perms_bytes.ts";
import { withSeed } from "../support/random.ts";

Deno.test("permissions in the journal: whatever was read before them, they are what was written", () => {
  withSeed((random) => {
    const all = Array.from({ length: 2_000 }, () =>
      // Few and alike, so that each is often the same as the last, or begins as it did.
      Array.from({ length: random.below(4) }, () => random.below(3) * 0x4000_0001));
    const bytes = new ByteWriter(64);
    for (const perms of all) putPerms(bytes, perms);
    const reader = new ByteReader(bytes.written);
    assertEquals(all.map(() => readPerms(reader)), all);
    assertEquals(reader.atEnd, true);
  });
});
