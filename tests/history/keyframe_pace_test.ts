/** A keyframe of a large store, while records come: the rest of the upkeep goes on, and the next keyframe is not due sooner. */
import { assert, assertEquals } from "@std/assert";
import type { NodeState } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { HISTORY_LOG_BYTES, HISTORY_STEPS_A_BLOCK } from "../../lib/limits.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, guest, packer, Writer } from "./support.ts";

/** So many that its keyframe takes longer than two MiB of records that are not compressed. */
const NODES = 20_000;
const VALUE = "v".repeat(2_000);
const BOUNDS = { bytes: 67_108_864, age: 7 * 86_400_000_000 };
/** One slice writes a block, and SQLite's pages double it. */
const LOG_BYTES_MAX = 4 * HISTORY_LOG_BYTES;

function* nodes(): Generator<readonly [string, NodeState]> {
  const node = { value: toBytes(VALUE), perms: [0] };
  for (let i = 0; i < NODES; i++) yield [`/n/${100_000 + i}`, node];
}

Deno.test("while a keyframe is written, blocks are compressed and the log is emptied", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`;
  const history = beginHistory(path), writer = new Writer();
  history.use(packer);
  const upkeep = new HistoryUpkeep(history, BOUNDS);
  history.add([writer.commit(1, guest(1), { "/n": "" })]);
  assert(history.beginKeyframe(1, nodes()));
  const whole = (): number => history.keyframes.heads.filter(({ isWhole }) => isWhole).length;
  const before = whole();
  let growing = history.growing, log = 0, blocks = 0;
  for (let i = 0; history.unfinished !== null; i++) {
    const at = 1_000 * i, value = `${VALUE}${i}`;
    history.add([writer.commit(at, guest(1 + i % 30), { [`/n/${i % NODES}`]: value })]);
    if (history.growing === growing) continue;
    growing = history.growing;
    blocks++;
    // What a daemon without a quiet moment does.
    for (let step = 0; step < HISTORY_STEPS_A_BLOCK; step++) upkeep.step(at);
    log = Math.max(log, Deno.statSync(`${path}-wal`).size);
  }
  assert(blocks > 20, `only ${blocks} blocks came meanwhile`);
  assertEquals(whole(), before + 1);
  assert(!history.wantsKeyframe, "the next one is due at once");
  assert(log < LOG_BYTES_MAX, `${log} bytes in the log`);
  history.close();
});
