import { assertEquals } from "@std/assert";
import { HashSet } from "../../lib/history/hash_set.ts";
import { withSeed } from "../support/random.ts";

Deno.test("hash set: has what a set has, also when it has grown and begins anew", () => {
  withSeed((random) => {
    const hashes = new HashSet();
    for (let round = 0; round < 20; round++) {
      const expected = new Set<number>(), bound = random.pick([2, 300, 2 ** 32]);
      for (let i = random.below(12_000); i > 0; i--) {
        const hash = random.below(bound) | 0;
        hashes.add(hash);
        expected.add(hash);
      }
      const found: number[] = [];
      hashes.forEach((hash) => void found.push(hash));
      assertEquals(found.sort((a, b) => a - b), [...expected].sort((a, b) => a - b));
      assertEquals(hashes.size, expected.size);
      if (random.chance(0.5)) hashes.clear();
      else hashes.dropSpare();
      assertEquals(hashes.size, 0);
    }
  });
});
