/** What upkeep does in slices: records may come between two of them, but nobody else changes those that are there. */
import { type BlockHead, DamagedBlock } from "./blocks.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { HistoryRecord, NodeState } from "./record.ts";
import { compareInWalk } from "./walk_order.ts";

/** Work in slices; false at the end when there was nothing to do, or it cannot be written. */
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

/** Null when a block is damaged. */
export function ifWhole<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedBlock) return null;
    throw error;
  }
}

/** What is more than so many blocks comes into the last one: where changes moved to later records, these may not fit as they did. */
export function asManyAs(count: number, blocks: HistoryRecord[][]): HistoryRecord[][] {
  if (blocks.length <= count) return blocks;
  return [...blocks.slice(0, count - 1), blocks.slice(count - 1).flat()];
}
