/** What is owed to a ring, put together from turns that told of it. */
import { assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { Replay } from "../../lib/journal/replay.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { domain } from "../support/records.ts";
import { Hypervisor } from "../support/lives.ts";

/** The bytes owed after these news: what was added to them last, where all ends, how many are unsent. */
function owedAfter(...news: [added: string, end: number, unsent: number][]): string {
  const replay = new Replay(new Engine({ domains: new Hypervisor() }).state.tree);
  for (const [added, end, unsent] of news) {
    replay.ring({
      key: 1,
      requestsTaken: 0,
      partial: new Uint8Array(0),
      responsesEnd: end >>> 0,
      responses: toBytes(added),
      unsent,
      reset: false,
      ignored: false,
    });
  }
  replay.domain(domain(1, { hasRing: true }));
  return toText(replay.records().connections.get(1)!.record.output);
}

for (const [name, base] of [["anywhere", 1000], ["where the counts wrap", -2]] as const) {
  Deno.test(`owed to a ring, ${name}: what is told twice is owed once, what was sent is not`, () => {
    const [a, ab, abc] = [base + 1, base + 2, base + 3];
    assertEquals(owedAfter(["a", a, 1], ["b", ab, 2], ["c", abc, 3]), "abc");
    assertEquals(owedAfter(["a", a, 1], ["b", ab, 2], ["b", ab, 2]), "ab");
    assertEquals(owedAfter(["a", a, 1], ["b", ab, 2], ["a", a, 1], ["b", ab, 2]), "ab");
    assertEquals(owedAfter(["ab", ab, 2], ["bc", abc, 3]), "abc");
    assertEquals(owedAfter(["ab", ab, 2], ["c", abc, 2]), "bc");
    assertEquals(owedAfter(["ab", ab, 2], ["", ab, 0], ["c", abc, 1]), "c");
  });
}
