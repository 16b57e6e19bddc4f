/** Pruning, in slices: the oldest block goes, and the first keyframe moves to its end. */
import type { BlockHead } from "./blocks.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { HistoryRecord, NodeState } from "./record.ts";
import { changeKeyframe, readNumbered, type Slices } from "./slices.ts";

/** Removes the oldest block, and moves its keyframe to the end of that block. */
export function* dropOldest(history: History): Slices {
  const { keyframes } = history;
  const oldest = oldestOf(history), head = oldest.at(-1);
  if (head === undefined || isBeingWritten(history, head)) return false;
  const records = yield* readNumbered(history, oldest);
  const base = keyframes.before(head.era, head.last);
  if (records !== null && base?.isWhole === true) {
    if (!(yield* moveNodes(history, head, base, records))) return false;
  }
  // Since the first slice, a new keyframe may have started at the end of this block.
  const isOther = keyframes.before(head.era, head.last)?.keyframe !== base?.keyframe;
  if (isOther || isBeingWritten(history, head)) return false;
  return history.rewrite(() => {
    for (const one of oldest) history.blocks.remove(one);
    moveBase(history, head, base, records !== null);
    history.eras.begin(head.era, head.last);
    if (head.era !== history.era.era) endEra(history, head.era);
  });
}

/** The oldest block, with the blocks that continue its last commit; none while one of these still grows. */
function oldestOf({ blocks: { heads }, growing }: History): BlockHead[] {
  let end = 1;
  while (end < heads.length && goesOn(heads[end - 1]!, heads[end]!)) end++;
  const oldest = heads.slice(0, end);
  return oldest.length > 0 && oldest.every(({ block }) => block < growing) ? oldest : [];
}

/** Whether the last commit of a block continues in the next one. */
function goesOn(head: BlockHead, next: BlockHead): boolean {
  return head.era === next.era && head.last === next.begin;
}

/** Whether a keyframe at or before a block's end is being written: it would miss the changes. */
function isBeingWritten({ unfinished }: History, { last }: BlockHead): boolean {
  return unfinished !== null && unfinished.number <= last;
}

/**
 * Changes the nodes of a keyframe to their state after these records. It first notes these as inexact: after a death in between,
 * some nodes of the keyframe already have a later state.
 */
function* moveNodes(
  history: History,
  { era, last }: BlockHead,
  base: KeyframeHead,
  records: readonly HistoryRecord<number>[],
): Slices {
  const changes = new Map<number, NodeState | null>();
  for (const record of records) {
    if (record.type !== "commit" || record.number <= base.number) continue;
    for (const { path, new: now } of record.changes) changes.set(path, now);
  }
  if (changes.size === 0) return true;
  const all = { holder: "pruned", from: base.number, to: last, count: 0, under: ["/"] };
  if (!history.rewrite(() => history.eras.addThinned(era, [all]))) return false;
  yield;
  return yield* changeKeyframe(history, base, changes);
}

/** Moves the keyframe to the end of a block, where the history then begins, and removes the keyframes before it. */
function moveBase(
  { keyframes }: History,
  { era, last, toAt }: BlockHead,
  base: KeyframeHead | null,
  isWhole: boolean,
): void {
  for (const one of keyframes.heads.filter((one) => one.era === era && one.number <= last)) {
    if (one.keyframe !== base?.keyframe) keyframes.remove(one);
  }
  if (base === null) return;
  // Nothing tells the state after a damaged block.
  if (isWhole && base.isWhole) keyframes.move(base, last, toAt);
  else keyframes.lose(base, last, toAt);
}

/** Forgets an earlier store that has no block left. */
function endEra({ blocks, eras, keyframes }: History, era: number): void {
  if (blocks.heads.some((head) => head.era === era)) return;
  for (const one of keyframes.heads.filter((head) => head.era === era)) keyframes.remove(one);
  eras.remove(era);
}
