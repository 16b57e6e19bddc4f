/** Texts as bytes, one for each character, of any characters and any length. */
import { assertEquals } from "@std/assert";
import { LOOPED_TEXT_MAX } from "../../lib/limits.ts";
import { loadTextReader } from "../../lib/server/process/text_reader.ts";
import { putText, toText } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";

Deno.test("text: it is written as it is, and nothing beside it", () => {
  withSeed((random) => {
    for (let round = 0; round < 2_000; round++) {
      const length = random.below(4 * LOOPED_TEXT_MAX), most = random.pick([0x80, 0x100]);
      const bytes = Uint8Array.from({ length }, () => random.below(most));
      const target = new Uint8Array(length + 20).fill(7), at = random.below(20);
      assertEquals(putText(target, at, toText(bytes)), at + length);
      assertEquals(target.subarray(at, at + length), bytes);
      assertEquals(target.subarray(0, at), new Uint8Array(at).fill(7));
      assertEquals(target.subarray(at + length), new Uint8Array(20 - at).fill(7));
    }
  });
});

Deno.test("text: the runtime makes the same of bytes as this program", async () => {
  const texts = (): string[] => {
    const made: string[] = [];
    for (let length = 0; length < 100; length++) {
      const bytes = Uint8Array.from({ length: length + 20 }, (_, i) => 91 * i + length & 0xff);
      made.push(toText(bytes.subarray(3), 5, 5 + length), toText(bytes, length, 0));
    }
    return made;
  };
  const spelled = texts();
  await loadTextReader();
  assertEquals(texts(), spelled);
});
