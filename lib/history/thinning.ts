/** Thinning of blocks, in slices: it removes the oldest records of the authors with most. */
import {
  HISTORY_BLOCK_RECORDS,
  HISTORY_FOLD_BLOCKS,
  HISTORY_PATHS_ASKED_MAX,
  HISTORY_THIN_RECORDS,
} from "../limits.ts";
import { asManyAs, splitRecords } from "./block_split.ts";
import type { BlockHead, NewBlock } from "./blocks.ts";
import { mayHave } from "./filter.ts";
import { changesOf } from "./fold.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import type { PathVisitor } from "./node_bytes.ts";
import { NumberedPathSet } from "./path_set.ts";
import type { PathTable } from "./path_table.ts";
import { type Author, hasKeyframe, type HistoryRecord, type NodeState } from "./record.ts";
import type { RecordsVisitor } from "./record_reader.ts";
import { holderOf } from "./shares.ts";
import { changeKeyframe, ifWhole, readNumbered, type Slices } from "./slices.ts";
import { thinInSteps, type Thinned } from "./thin.ts";

/** Records after one keyframe; `start` is the record of the keyframe, if it is in the same block. */
interface Segment {
  readonly keyframe: KeyframeHead;
  readonly start: readonly HistoryRecord<number>[];
  readonly records: readonly HistoryRecord<number>[];
  readonly isFirst: boolean;
}

/** The result of thinning a segment. */
interface Part {
  readonly keyframe: KeyframeHead;
  readonly records: readonly HistoryRecord<number>[];
  readonly absorbed: ReadonlyMap<number, NodeState | null>;
  readonly thinned: readonly Thinned[];
}

/** Filters of blocks that one slice asks. */
const FILTERS_A_SLICE = 16;

/** Paths of records that one slice collects. */
const PATHS_A_SLICE = 2_048;

/** Removes the oldest records of the shares `some`, about `bytes` of them. */
export function* thinOldest(
  history: History,
  some: ReadonlySet<string>,
  bytes: number,
): Slices {
  const window = oldestOf(history, some, bytes), [head] = window;
  if (head === undefined) return false;
  const records = yield* readNumbered(history, window);
  const segments = records === null ? null : segmentsOf(history, head, records);
  if (segments === null) return false;
  const parts: Part[] = [];
  for (const segment of segments) parts.push(yield* thinSegment(history, head, some, segment));
  if (!(yield* absorb(history, head, parts))) return false;
  return yield* write(history, window, parts);
}

/** The oldest blocks with so many bytes of these shares, and a nearly empty one before them, to merge it. */
function oldestOf(
  { closed, lives }: History,
  some: ReadonlySet<string>,
  bytes: number,
): BlockHead[] {
  let at = closed.findIndex(({ shares }) => lives.partOf(shares, some) > 0);
  if (at < 0) return [];
  if (at > 0 && closed[at - 1]!.count < HISTORY_BLOCK_RECORDS / 8) at--;
  const most = Math.min(closed.length, at + HISTORY_FOLD_BLOCKS);
  let end = at, count = 0, found = 0;
  while (end < most && count < HISTORY_THIN_RECORDS && found < bytes) {
    const head = closed[end++]!;
    count += head.count;
    found += lives.partOf(head.shares, some);
  }
  return closed.slice(at, end);
}

/** The records by the keyframes that they follow; null when one of these is being written. */
function segmentsOf(
  { keyframes, unfinished }: History,
  { era }: BlockHead,
  records: readonly HistoryRecord<number>[],
): Segment[] | null {
  const segments: Segment[] = [];
  let start: HistoryRecord<number>[] = [], rest: HistoryRecord<number>[] = [];
  const end = (): boolean => {
    const number = start[0]?.number ?? (rest[0]?.number ?? 0) - 1;
    const keyframe = keyframes.before(era, number);
    // A keyframe that is being written would miss the changes.
    const isThere = keyframe !== null &&
      !(unfinished !== null && number >= unfinished.number);
    if (!isThere) return start.length + rest.length === 0;
    segments.push({ keyframe, start, records: rest, isFirst: start.length === 0 });
    return true;
  };
  const numbers = keyframes.heads.filter((head) => head.era === era).map((head) => head.number);
  for (const record of records) {
    const isApart = rest.length > 0 &&
      numbers.some((number) => rest.at(-1)!.number <= number && number < record.number);
    if (!hasKeyframe(record) && !isApart) rest.push(record);
    else if (!end()) return null;
    else [start, rest] = hasKeyframe(record) ? [[record], []] : [[], [record]];
  }
  return end() ? segments : null;
}

function* thinSegment(
  history: History,
  head: BlockHead,
  some: ReadonlySet<string>,
  { isFirst, keyframe, records, start }: Segment,
): Generator<void, Part, void> {
  const between = isFirst ? blocksBetween(history, keyframe, head) : [];
  const touched = yield* touchedIn(history, between, records);
  const before = { keyframe: keyframe.number, touches: (path: number) => touched.has(path) };
  const { blocks: { table }, lives } = history;
  const goes = (author: Author): boolean => some.has(lives.shareOf(holderOf(author)));
  const result = yield* thinInSteps(
    records,
    goes,
    Infinity,
    before,
    () => new NumberedPathSet(table),
  );
  return { ...result, keyframe, records: [...start, ...result.records] };
}

/** The blocks behind a keyframe and before a block. */
function blocksBetween(
  { closed }: History,
  { number }: KeyframeHead,
  { block }: BlockHead,
): BlockHead[] {
  return closed.filter((other) => other.block < block && other.last >= number);
}

/** Those paths of the records that some of the blocks `heads` change, or may change. */
function* touchedIn(
  { blocks }: History,
  heads: readonly BlockHead[],
  records: readonly HistoryRecord<number>[],
): Generator<void, ReadonlySet<number>, void> {
  const touched = new Set<number>();
  if (heads.length === 0) return touched;
  const { table } = blocks, others = yield* pathsInSlices(records);
  const path: PathVisitor = (shared, bytes, from, to) => {
    const found = table.look(shared, bytes, from, to);
    if (others.delete(found)) touched.add(found);
  };
  const visitor: RecordsVisitor = { author: () => {}, path, abortPath: table.look };
  for (const [i, head] of heads.entries()) {
    if (i % FILTERS_A_SLICE === FILTERS_A_SLICE - 1) yield;
    if (!mayHaveSome(head, others, table)) continue;
    table.begin();
    // A damaged block may have any of the paths.
    if (ifWhole(() => (blocks.visit(head, visitor), true)) === null) {
      for (const path of others) touched.add(path);
      others.clear();
    }
    yield;
  }
  return touched;
}

function mayHaveSome(
  { filter }: BlockHead,
  paths: ReadonlySet<number>,
  table: PathTable,
): boolean {
  if (paths.size > HISTORY_PATHS_ASKED_MAX) return true;
  for (const path of paths) if (mayHave(filter, table.text(path))) return true;
  return false;
}

/** The paths of the records of many blocks, in slices. */
function* pathsInSlices(
  records: readonly HistoryRecord<number>[],
): Generator<void, Set<number>, void> {
  const paths = new Set<number>();
  let count = 0;
  for (const record of records) {
    if (record.type === "commit") { for (const { path } of record.changes) paths.add(path); }
    count += changesOf(record);
    if (count < PATHS_A_SLICE) continue;
    count = 0;
    yield;
  }
  return paths;
}

/**
 * Moves the removed changes into the keyframes. It first notes these paths as inexact: after a death in between, some of them already
 * have a later state.
 */
function* absorb(history: History, { era }: BlockHead, parts: readonly Part[]): Slices {
  const isSaid = history.rewrite(() => {
    const thinned = parts.flatMap(({ thinned }) => thinned);
    history.eras.addThinned(era, thinned.map((one) => ({ ...one, count: 0 })));
  });
  if (!isSaid) return false;
  yield;
  for (const { absorbed, keyframe } of parts) {
    // A lost keyframe has no nodes to change.
    if (absorbed.size === 0 || !keyframe.isWhole) continue;
    if (!(yield* changeKeyframe(history, keyframe, absorbed))) return false;
  }
  return true;
}

function* write(history: History, window: readonly BlockHead[], parts: readonly Part[]): Slices {
  const { blocks, eras } = history, { era } = window[0]!;
  const left = asManyAs(
    window.length,
    splitRecords(parts.flatMap(({ records }) => records), blocks.table.weigh),
  );
  const made: NewBlock[] = [];
  for (const [i, some] of left.entries()) {
    made.push(blocks.make(window[i]!.block, era, some));
    yield;
  }
  return history.rewrite(() => {
    for (const block of made) blocks.write(block);
    for (const head of window.slice(made.length)) blocks.remove(head);
    eras.addThinned(era, parts.flatMap(({ thinned }) => thinned));
  });
}
