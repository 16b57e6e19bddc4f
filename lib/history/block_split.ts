/** How many records a block has: by what they take when they are read. */
import { HISTORY_BLOCK_BYTES, HISTORY_BLOCK_RECORDS } from "../limits.ts";
import { CodedCommit } from "./coded_commit.ts";
import type { HistoryRecord } from "./record.ts";
import { CHANGE_BYTES, valueBytes, type WeighPath, weighText } from "./sizes.ts";

/** Bytes of a record beside its changes, about. */
const RECORD_BYTES = 48;

/** Bytes of a record in a block, about. */
export function recordBytes<P>(record: HistoryRecord<P>, weigh: WeighPath<P>): number {
  if (record.type !== "commit") return 2 * RECORD_BYTES;
  if (record instanceof CodedCommit) return RECORD_BYTES + record.coded.weight;
  let bytes = RECORD_BYTES, before: P | null = null;
  for (const { path, old, new: now } of record.changes) {
    bytes += CHANGE_BYTES + weigh(path, before);
    before = path;
    bytes += valueBytes(old) + valueBytes(now);
  }
  return bytes;
}

/** Splits records into blocks, in the same order. */
export function blocksOf(records: readonly HistoryRecord[]): HistoryRecord[][] {
  return splitRecords(records, weighText);
}

/** The same for any kind of path. */
export function splitRecords<P>(
  records: readonly HistoryRecord<P>[],
  weigh: WeighPath<P>,
): HistoryRecord<P>[][] {
  const blocks: HistoryRecord<P>[][] = [];
  let bytes = Infinity;
  for (const record of records) {
    const more = recordBytes(record, weigh);
    const isFull = bytes + more > HISTORY_BLOCK_BYTES ||
      blocks.at(-1)!.length === HISTORY_BLOCK_RECORDS;
    if (isFull) blocks.push([]);
    bytes = (isFull ? 0 : bytes) + more;
    blocks.at(-1)!.push(record);
  }
  return blocks;
}

/** Puts all blocks beyond `count` into the last one: records that took the changes of earlier ones may need more room. */
export function asManyAs<P>(count: number, blocks: HistoryRecord<P>[][]): HistoryRecord<P>[][] {
  if (blocks.length <= count) return blocks;
  return [...blocks.slice(0, count - 1), blocks.slice(count - 1).flat()];
}
