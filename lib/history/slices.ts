/** Upkeep in slices. Between two slices records may be added, but only this upkeep changes or removes records. */
import { type BlockHead, DamagedBlock } from "./blocks.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { PathTable } from "./path_table.ts";
import type { HistoryRecord, NodeState } from "./record.ts";
import { compareInWalk } from "./walk_order.ts";

/** Work in slices. It returns false when there was nothing to do, or the file cannot be written. */
export type Slices = Generator<void, boolean, void>;

/** The records of some blocks, one a slice; null when one is damaged. */
export function readBlocks(
  { blocks }: History,
  heads: readonly BlockHead[],
): Generator<void, HistoryRecord[] | null, void> {
  return readWith(heads, (head) => blocks.read(head));
}

/** The same with paths as numbers in a table. */
export function readNumbered(
  { blocks }: History,
  heads: readonly BlockHead[],
  table: PathTable,
): Generator<void, HistoryRecord<number>[] | null, void> {
  return readWith(heads, (head) => blocks.readNumbered(head, table));
}

function* readWith<P>(
  heads: readonly BlockHead[],
  read: (head: BlockHead) => HistoryRecord<P>[],
): Generator<void, HistoryRecord<P>[] | null, void> {
  const all: HistoryRecord<P>[] = [];
  for (const head of heads) {
    const some = ifWhole(() => read(head));
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
