/** What keeps a history within its bounds, in slices: folding, thinning, pruning. */
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_BLOCK_RECORDS,
  HISTORY_FOLD_BLOCKS,
  HISTORY_FOLD_PAUSE_BLOCKS,
  HISTORY_KEYFRAME_PARTS,
  HISTORY_LOG_BYTES,
  HISTORY_LOG_COMMITS,
  HISTORY_LOG_MICROSECONDS,
  HISTORY_THIN_RECORDS,
} from "../limits.ts";
import { type BlockHead, DamagedBlock } from "./blocks.ts";
import { mayHave } from "./filter.ts";
import { foldRecords } from "./fold.ts";
import type { History } from "./history.ts";
import type { KeyframeHead } from "./keyframes.ts";
import { PLAIN } from "./packing.ts";
import { blocksOf } from "./pending.ts";
import { type Author, hasKeyframe, type HistoryRecord, type NodeState } from "./record.ts";
import { holderOf, Shares } from "./shares.ts";
import { thinRecords } from "./thin.ts";

/** The bounds of a history. */
export interface HistoryBounds {
  readonly bytes: number;
  /** Microseconds. */
  readonly age: number;
}

/** SQLite's log has this part of the bound at most, as far as it has a choice. */
const LOG_PARTS = 8;

/** Folding that leaves more than this part of records and changes is not worth what it costs. */
const WORTH_FOLDING = 0.9;

/** A history that has more than so many times its bound has to become smaller before more is recorded. */
const FAR_BEHIND = 1.25;

/** Pages that are given back at once. */
const SHRINK_PAGES = 32;

/** Keeps one history within its bounds. */
export class HistoryUpkeep {
  readonly #history: History;
  readonly #bounds: HistoryBounds;
  /** Up to which block each holder's records are folded. */
  readonly #folded = new Map<string, number>();
  /** Blocks that do not become smaller. */
  readonly #incompressible = new Set<number>();
  #checkpointAt = 0;

  constructor(history: History, bounds: HistoryBounds) {
    this.#history = history;
    this.#bounds = bounds;
    history.keyframes.bytesMax = bounds.bytes / HISTORY_KEYFRAME_PARTS;
  }

  /** Does one slice of what is to be done at time `now`; false when there is nothing, or it cannot be written. */
  step(now: number): boolean {
    const history = this.#history;
    return history.stepKeyframe() || this.#checkpoint(now) || this.#pack() || this.#age(now) ||
      this.#makeRoom(now) || history.shrink(SHRINK_PAGES);
  }

  /** What was overwritten is to be out of all files soon, and the log is not to grow. */
  #checkpoint(now: number): boolean {
    const { bytesInLog, inLog } = this.#history;
    if (inLog === 0) this.#checkpointAt = now;
    const isMuch = bytesInLog > Math.min(HISTORY_LOG_BYTES, this.#bounds.bytes / LOG_PARTS);
    const isDue = isMuch || inLog > HISTORY_LOG_COMMITS ||
      Math.abs(now - this.#checkpointAt) > HISTORY_LOG_MICROSECONDS;
    if (inLog === 0 || !isDue) return false;
    return this.#history.checkpoint();
  }

  /** Whether the bound is exceeded, or about to be: then {@link step} is to be called until it is not, or returns false. */
  get isBehind(): boolean {
    return this.#unpacked !== undefined || this.#history.bytes > this.#bounds.bytes;
  }

  /** Whether the bound is exceeded by more than a part of it. */
  get isFarBehind(): boolean {
    return this.#history.bytes > this.#bounds.bytes * FAR_BEHIND;
  }

  get #unpacked(): BlockHead | undefined {
    const { blocks, growing } = this.#history;
    return blocks.heads.findLast(({ block, packing }) =>
      packing === PLAIN && block < growing && !this.#incompressible.has(block)
    );
  }

  #pack(): boolean {
    const { blocks } = this.#history, head = this.#unpacked;
    if (head === undefined) return false;
    let isPacked = false;
    const isWritten = this.#history.commit(() => {
      isPacked = ifWhole(() => blocks.pack(head)) ?? false;
    });
    if (!isPacked) this.#incompressible.add(head.block);
    return isWritten;
  }

  #age(now: number): boolean {
    const oldest = this.#history.blocks.heads[0];
    if (oldest === undefined || oldest.toAt >= now - this.#bounds.age) return false;
    return this.#dropOldest();
  }

  #makeRoom(now: number): boolean {
    const { blocks, bytes, growing } = this.#history;
    if (bytes <= this.#bounds.bytes) return false;
    const shares = new Shares();
    for (const head of blocks.heads) if (head.block < growing) shares.addAll(head.shares, 1);
    // So much goes at once that the next block does not begin all this again.
    const most = this.#bounds.bytes, more = Math.min(HISTORY_BLOCK_BYTES / 4, most / LOG_PARTS);
    const excess = bytes - most + more, greedy = shares.above(excess);
    const [largest] = greedy;
    if (largest !== undefined && this.#fold(largest)) return true;
    // A store larger than the bound must not push out what was done.
    return this.#shedKeyframe(now) ||
      (largest !== undefined && this.#thin(new Set(greedy), excess)) ||
      this.#dropOldest();
  }

  #shedKeyframe(now: number): boolean {
    const { keyframes } = this.#history;
    if (keyframes.bytes <= keyframes.bytesMax) return false;
    let isShed = false;
    return this.#history.rewrite(() => void (isShed = keyframes.shed(now))) && isShed;
  }

  /** Folds the next blocks in which a holder has records. */
  #fold(holder: string): boolean {
    const { closed } = this.#history, folded = this.#folded.get(holder) ?? 0;
    const at = closed.findIndex((head) => head.block > folded && hasShare(head, holder));
    const window = at < 0 ? [] : closed.slice(at, at + HISTORY_FOLD_BLOCKS);
    if (window.filter((head) => hasShare(head, holder)).length < 2) return false;
    // The last one is folded again with those behind it.
    this.#folded.set(holder, window.at(-1)!.block - 1);
    const records = ifWhole(() => window.flatMap((head) => this.#history.blocks.read(head)));
    if (records === null) return true;
    const { keyframes } = this.#history;
    const numbers = keyframes.heads.filter((head) => head.era === window[0]!.era)
      .map(({ number }) => number);
    const result = foldRecords(records, isHeldBy(holder), numbers);
    // To fold on would cost more than it gives.
    const isWorthIt = sizeOf(result.records) < sizeOf(records) * WORTH_FOLDING;
    if (!isWorthIt) this.#folded.set(holder, this.#history.growing + HISTORY_FOLD_PAUSE_BLOCKS);
    if (result.incompleteTo === 0 || !isWorthIt) return false;
    const { blocks, era: { era }, eras } = this.#history;
    return this.#history.rewrite(() => {
      eras.incomplete(era, result.incompleteTo);
      const each = Math.ceil(result.records.length / window.length);
      for (const [i, head] of window.entries()) {
        const some = result.records.slice(i * each, (i + 1) * each);
        if (some.length === 0) blocks.remove(head);
        else blocks.put(head.block, era, some, true);
      }
    });
  }

  /** Removes the oldest records of these holders, some `bytes` of them. */
  #thin(holders: ReadonlySet<string>, bytes: number): boolean {
    const { blocks } = this.#history;
    const window = this.#oldestOf(holders, bytes), [head] = window;
    if (head === undefined) return false;
    const records = ifWhole(() => window.flatMap((one) => blocks.read(one)));
    if (records === null) return false;
    const parts = this.#segments(head, records);
    if (parts === null) return false;
    return this.#history.rewrite(() => {
      const left = blocksOf(
        parts.flatMap((part) => [...part.start, ...this.#thinPart(head, holders, part)]),
      );
      for (const [i, { block, era }] of window.entries()) {
        const some = left[i];
        if (some === undefined) blocks.remove(window[i]!);
        else blocks.put(block, era, some, true);
      }
    });
  }

  /** The oldest blocks with so many bytes of these holders, and one before them of which little was left. */
  #oldestOf(holders: ReadonlySet<string>, bytes: number): BlockHead[] {
    const { closed } = this.#history;
    let at = closed.findIndex(({ shares }) => shares.some(([holder]) => holders.has(holder)));
    if (at < 0) return [];
    if (at > 0 && closed[at - 1]!.count < HISTORY_BLOCK_RECORDS / 8) at--;
    let end = at, count = 0, found = 0;
    while (end < closed.length && count < HISTORY_THIN_RECORDS && found < bytes) {
      const head = closed[end++]!;
      count += head.count;
      for (const [holder, share] of head.shares) if (holders.has(holder)) found += share;
    }
    return closed.slice(at, end);
  }

  #thinPart(
    head: BlockHead,
    holders: ReadonlySet<string>,
    { isFirst, keyframe, records }: Segment,
  ): HistoryRecord[] {
    const { eras, keyframes } = this.#history;
    const touches = this.#touching(isFirst ? this.#between(keyframe, head) : []);
    const before = { keyframe: keyframe.number, touches };
    const absorbed = new Map<string, NodeState | null>();
    let left: HistoryRecord[] = [...records];
    for (const holder of holdersIn(records)) {
      if (!holders.has(holder)) continue;
      const result = thinRecords(left, holder, isHeldBy(holder), Infinity, before);
      for (const [path, node] of result.absorbed) absorbed.set(path, node);
      if (result.thinned !== null) eras.addThinned(head.era, result.thinned);
      left = result.records;
    }
    // Of one that is lost nobody knows anyway what the paths have.
    if (absorbed.size > 0 && keyframe.isWhole) {
      keyframes.change(keyframe, absorbed, keyframe.number, keyframe.at);
    }
    return left;
  }

  /** Whether some blocks have a change of a path: of many, filters alone would nearly always say that one may have it. */
  #touching(heads: readonly BlockHead[]): (path: string) => boolean {
    const known = new Map<BlockHead, ReadonlySet<string> | null>();
    const pathsOf = (head: BlockHead): ReadonlySet<string> | null => {
      const paths = known.get(head) ?? ifWhole(() => changedPaths(this.#history.blocks.read(head)));
      known.set(head, paths);
      return paths;
    };
    // What a damaged block has nobody knows.
    return (path) =>
      heads.some((head) => mayHave(head.filter, path) && (pathsOf(head)?.has(path) ?? true));
  }

  /** The blocks behind a keyframe and before a block. */
  #between({ number }: KeyframeHead, { block }: BlockHead): BlockHead[] {
    return this.#history.closed.filter((other) => other.block < block && other.last >= number);
  }

  /** The records of a block by the keyframes that they follow; null when one of these is being written. */
  #segments({ era }: BlockHead, records: readonly HistoryRecord[]): Segment[] | null {
    const { keyframes, unfinished } = this.#history;
    const segments: Segment[] = [];
    let start: HistoryRecord[] = [], rest: HistoryRecord[] = [];
    const end = (): boolean => {
      const number = start[0]?.number ?? (rest[0]?.number ?? 0) - 1;
      const keyframe = keyframes.before(era, number);
      // One that is being written does not hear of what changes.
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

  /** Removes the oldest block; its keyframe then stands behind it. */
  #dropOldest(): boolean {
    const history = this.#history, { blocks, unfinished } = history;
    const oldest = this.#oldest();
    const head = oldest.at(-1);
    if (head === undefined) return false;
    if (unfinished !== null && unfinished.number <= head.last) return false;
    const records = ifWhole(() => oldest.flatMap((one) => blocks.read(one)));
    return history.rewrite(() => {
      for (const one of oldest) blocks.remove(one);
      if (records === null) this.#loseBase(head);
      else this.#moveBase(head, records);
      history.eras.begin(head.era, head.last);
      if (head.era !== history.era.era) this.#endEra(head.era);
    });
  }

  /** The oldest block, with those into which its last commit goes on; none while that may still grow. */
  #oldest(): BlockHead[] {
    const { blocks: { heads }, growing } = this.#history;
    let end = 1;
    while (end < heads.length && goesOn(heads[end - 1]!, heads[end]!)) end++;
    const oldest = heads.slice(0, end);
    return oldest.length > 0 && oldest.every(({ block }) => block < growing) ? oldest : [];
  }

  /** Brings the keyframe with which an era begins to the end of these records, its oldest. */
  #moveBase(head: BlockHead, records: readonly HistoryRecord[]): void {
    const { keyframes } = this.#history;
    const { at, number } = records.at(-1)!;
    const base = this.#lastBase(head.era, number);
    if (base === null) return;
    if (!base.isWhole) return keyframes.lose(base, number, at);
    const changes = new Map<string, NodeState | null>();
    for (const record of records) {
      if (record.type !== "commit" || record.number <= base.number) continue;
      for (const { path, new: now } of record.changes) changes.set(path, now);
    }
    keyframes.change(base, changes, number, at);
  }

  /** What the oldest records, which are damaged, led to is not known. */
  #loseBase({ era, last, toAt }: BlockHead): void {
    const base = this.#lastBase(era, last);
    if (base !== null) this.#history.keyframes.lose(base, last, toAt);
  }

  /** The last keyframe up to `number`, with which an era begins from now on: those before it are removed. */
  #lastBase(era: number, number: number): KeyframeHead | null {
    const { keyframes } = this.#history, base = keyframes.before(era, number);
    for (const one of keyframes.heads.filter((one) => one.era === era && one.number <= number)) {
      if (one.keyframe !== base?.keyframe) keyframes.remove(one);
    }
    return base;
  }

  /** Forgets an earlier store of which no block is left. */
  #endEra(era: number): void {
    const { blocks, eras, keyframes } = this.#history;
    if (blocks.heads.some((head) => head.era === era)) return;
    for (const one of keyframes.heads.filter((head) => head.era === era)) keyframes.remove(one);
    eras.remove(era);
  }
}

/** Records that follow one keyframe; `start` is the record at which it stands, if that is in the same block. */
interface Segment {
  readonly keyframe: KeyframeHead;
  readonly start: readonly HistoryRecord[];
  readonly records: readonly HistoryRecord[];
  readonly isFirst: boolean;
}

/** Whether the last commit of a block goes on in the next one. */
function goesOn(head: BlockHead, next: BlockHead): boolean {
  return head.era === next.era && head.last === next.begin;
}

function changedPaths(records: readonly HistoryRecord[]): Set<string> {
  return new Set(
    records.flatMap((record) => record.type === "commit" ? record.changes : [])
      .map(({ path }) => path),
  );
}

/** Records and changes. */
function sizeOf(records: readonly HistoryRecord[]): number {
  return records.reduce(
    (sum, record) => sum + 1 + (record.type === "commit" ? record.changes.length : 0),
    0,
  );
}

function holdersIn(records: readonly HistoryRecord[]): Set<string> {
  return new Set(
    records.flatMap((record) => record.type === "gap" ? [] : [holderOf(record.author)]),
  );
}

function hasShare({ shares }: BlockHead, holder: string): boolean {
  return shares.some(([other]) => other === holder);
}

function isHeldBy(holder: string): (author: Author) => boolean {
  return (author) => holderOf(author) === holder;
}

/** Null when a block is damaged. */
function ifWhole<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedBlock) return null;
    throw error;
  }
}
