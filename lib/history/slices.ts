/** Upkeep in slices. Between two slices records may be added, but only this upkeep changes or removes records. */
import { type BlockHead, DamagedBlock } from "./blocks.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { HistoryRecord, NodeState } from "./record.ts";

/** Work in slices. It returns false when there was nothing to do, or the file cannot be written. */
export type Slices = Generator<void, boolean, void>;

/**
 * The records of some blocks, one a slice, with paths as numbers in the blocks' table, which has no others from then on; null when
 * one is damaged.
 */
export function* readNumbered(
  { blocks }: History,
  heads: readonly BlockHead[],
): Generator<void, HistoryRecord<number>[] | null, void> {
  const all: HistoryRecord<number>[] = [];
  blocks.forgetPaths();
  for (const head of heads) {
    const some = ifWhole(() => blocks.readNumbered(head));
    if (some === null) return null;
    for (const record of some) all.push(record);
    yield;
  }
  return all;
}

/** Changes nodes of a keyframe, a row of it in each slice. Paths are numbers in the blocks' table. */
export function* changeKeyframe(
  history: History,
  head: KeyframeHead,
  changes: ReadonlyMap<number, NodeState | null>,
): Slices {
  const { table } = history.blocks, paths = [...changes.keys()].sort(table.compareInWalk);
  for (let at = 0; at < paths.length;) {
    const from = at;
    const isWritten = history.commit(() => {
      at = history.keyframes.changePiece(head, changes, paths, from, table);
    });
    if (!isWritten) return false;
    yield;
  }
  return true;
}

/** The result of `read`; null when a block is damaged. */
export function ifWhole<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedBlock) return null;
    throw error;
  }
}
