/** A history of a store that is larger than its bound: it keeps to the bound, and what everyone did. */
import { assert, assertEquals } from "@std/assert";
import type { History } from "../../lib/history/history.ts";
import { log } from "../../lib/history/queries.ts";
import { momentAt } from "../../lib/history/reading.ts";
import { HISTORY_KEYFRAME_RETRY_MICROSECONDS } from "../../lib/limits.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { beginHistory, finish, guest, textNode, walked, Writer } from "./support.ts";

const BOUNDS = { bytes: 400_000, age: 7 * 86_400_000_000 };
const NODES = 8_000;

/** Bytes that do not become smaller when they are compressed, as text. */
function noise(seed: number): string {
  let state = seed + 1;
  return Array.from({ length: 60 }, () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    return (state >>> 8).toString(36);
  }).join("");
}

function numbers(history: History): number[] {
  return [...log(history, {})].flatMap((item) =>
    item !== null && "type" in item ? item.number : []
  );
}

/** A quiet author's two commits, and a store that one author makes larger than the bound. */
function flooded(history: History, writer: Writer, upkeep: HistoryUpkeep): number {
  history.add([
    writer.commit(1, guest(1), { "/quiet": "1" }),
    writer.commit(2, guest(1), { "/quiet": "2" }),
  ]);
  let most = 0;
  for (let i = 0; i < NODES; i++) {
    history.add([writer.commit(3 + i * 1_000, guest(2), { [`/f/${i}`]: noise(i) })]);
    if (i % 50 !== 0) continue;
    do upkeep.step(i * 1_000); while (upkeep.isBehind && upkeep.step(i * 1_000));
    most = Math.max(most, history.bytes);
  }
  while (upkeep.step(NODES * 1_000));
  return most;
}

Deno.test("a store that is larger than the bound leaves the history within it, and all authors' records", () => {
  const history = beginHistory(), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, BOUNDS);
  const most = flooded(history, writer, upkeep);
  assert(history.bytes <= BOUNDS.bytes, `${history.bytes} bytes`);
  assert(most <= 1.5 * BOUNDS.bytes, `${most} bytes meanwhile`);
  const left = numbers(history);
  assertEquals([left[0], left[1], left.at(-1)], [1, 2, writer.number], "the quiet author's");
  assert(left.length > 500, `the flood has its share, too: ${left.length} records`);
  assertEquals(history.horizon!.number, 0);
  // What the store was is not known, and that is said.
  assertEquals(finish(momentAt(history, writer.number)).inexact(), { from: 0, to: Infinity });
  assert(history.keyframes.isTooLarge && !history.wantsKeyframe, "none is tried at once");
  history.close();
});

Deno.test("a keyframe that does not fit is given up half way, and tried again after a while", () => {
  const history = beginHistory(), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, BOUNDS);
  flooded(history, writer, upkeep);
  const at = NODES * 1_000, before = history.keyframes.written;
  assert(history.beginKeyframe(at, walked(writer.nodes)));
  while (upkeep.step(at));
  const written = history.keyframes.written - before;
  assert(written > BOUNDS.bytes / 4 && written < 0.75 * BOUNDS.bytes, `${written} bytes`);
  assert(history.bytes <= BOUNDS.bytes && history.keyframes.isTooLarge && !history.wantsKeyframe);
  const small = new Map([["/", textNode("")], ["/quiet", textNode("3")]]);
  const later = at + HISTORY_KEYFRAME_RETRY_MICROSECONDS + 1;
  history.add([writer.commit(later, guest(1), { "/quiet": "3" })]);
  assert(history.wantsKeyframe);
  assert(history.beginKeyframe(later, walked(small)));
  while (upkeep.step(later));
  assert(!history.keyframes.isTooLarge && !history.wantsKeyframe);
  const moment = finish(momentAt(history, writer.number));
  assertEquals([moment.inexact(), walked(moment.nodes)], [null, walked(small)]);
  assertEquals(numbers(history).slice(0, 2), [1, 2]);
  history.close();
});
