/** Upkeep in slices. Between two slices records may be added, but only this upkeep changes or removes records. */
import { type BlockHead, DamagedBlock } from "./blocks.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { HistoryRecord, NodeState } from "./record.ts";
import { compareInWalk } from "./walk_order.ts";

/** Work in slices. It returns false when there was nothing to do, or the file cannot be written. */
export type Slices = Generator<void, boolean, void>;

/** The records of some blocks, one a slice; null when one is damaged. */
export function* readBlocks(
  { blocks }: History,
  heads: readonly BlockHead[],
): Generator<void, HistoryRecord[] | null, void> {
  const all: HistoryRecord[] = [];
  for (const head of heads) {
    const some = ifWhole(() => blocks.read(head));
    if (some === null) return null;
    for (const record of some) all.push(record);
    yield;
  }
  return all;
}

/** Changes nodes of a keyframe, a row of it in each slice. */
export function* changeKeyframe(
  history: History,
  head: KeyframeHead,
  changes: ReadonlyMap<string, NodeState | null>,
): Slices {
  const paths = [...changes.keys()].sort(compareInWalk);
  for (let at = 0; at < paths.length;) {
    const from = at;
    const isWritten = history.commit(() => {
      at = history.keyframes.changePiece(head, changes, paths, from);
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

/** Puts all blocks beyond `count` into the last one: records that took the changes of earlier ones may need more room. */
export function asManyAs(count: number, blocks: HistoryRecord[][]): HistoryRecord[][] {
  if (blocks.length <= count) return blocks;
  return [...blocks.slice(0, count - 1), blocks.slice(count - 1).flat()];
}
