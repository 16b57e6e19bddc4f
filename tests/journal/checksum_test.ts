import { assertEquals, assertNotEquals } from "@std/assert";
import { checksum } from "../../lib/journal/checksum.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";

Deno.test("checksum: the published values of XXH32", () => {
  const long = "Nobody inspects the spammish repetition";
  assertEquals(checksum(toBytes(""), 0), 0x02cc5d05);
  assertEquals(checksum(toBytes("a"), 0), 0x550d7456);
  assertEquals(checksum(toBytes("abc"), 0), 0x32d153ff);
  assertEquals(checksum(toBytes(long), 0), 0xe2293b2f);
  assertEquals(checksum(toBytes(""), 0x9e3779b1), 0x36b78ae7);
});

Deno.test("checksum: of bytes wherever they lie, and no byte nor the seed can change unnoticed", () => {
  withSeed((random) => {
    for (let round = 0; round < 200; round++) {
      const bytes = Uint8Array.from({ length: 1 + random.below(100) }, () => random.below(256));
      const seed = random.below(2 ** 32);
      const sum = checksum(bytes, seed);
      const shifted = new Uint8Array(bytes.length + 3);
      for (const offset of [1, 2, 3]) {
        shifted.set(bytes, offset);
        assertEquals(checksum(shifted.subarray(offset, offset + bytes.length), seed), sum);
      }
      const at = random.below(bytes.length);
      bytes[at]! ^= 1 << random.below(8);
      assertNotEquals(checksum(bytes, seed), sum);
      assertNotEquals(checksum(bytes, seed ^ 1), checksum(bytes, seed));
    }
  });
});
