/** Folding of blocks, in slices: repeated changes of one path by one author become one. */
import { HISTORY_FOLD_BLOCKS, HISTORY_FOLD_PAUSE_BLOCKS } from "../limits.ts";
import { asManyAs, splitRecords } from "./block_split.ts";
import type { BlockHead, NewBlock } from "./blocks.ts";
import { changesOf, type Folded, foldInSteps } from "./fold.ts";
import type { History } from "./history.ts";
import type { HistoryRecord } from "./record.ts";
import { readNumbered, type Slices } from "./slices.ts";

/** A fold that leaves more than this part of records and changes is not worth its cost. */
const WORTH_FOLDING = 0.9;

/** Folds the blocks of one history. */
export class Folding {
  /** The last block up to which each share is folded, or is not worth another try. */
  readonly #folded = new Map<string, number>();

  constructor(private readonly history: History) {}

  /** Folds a share's records in the next blocks that have some. */
  *fold(share: string): Slices {
    const { history } = this, { keyframes } = history;
    const window = this.#next(share);
    if (window === null) return false;
    const records = yield* readNumbered(history, window);
    if (records === null) return true;
    const { era } = window[0]!;
    const numbers = keyframes.heads.filter((head) => head.era === era).map(({ number }) => number);
    const result = yield* foldInSteps(records, history.lives.isOf(share), numbers);
    // This author repeats little now: try again some blocks later.
    const isWorthIt = sizeOf(result.records) < sizeOf(records) * WORTH_FOLDING;
    if (!isWorthIt) this.#folded.set(share, history.growing + HISTORY_FOLD_PAUSE_BLOCKS);
    if (result.incompleteTo === 0 || !isWorthIt) return false;
    return yield* this.#write(window, result);
  }

  #next(share: string): BlockHead[] | null {
    const { closed, lives } = this.history, folded = this.#folded.get(share) ?? 0;
    const some = new Set([share]);
    const isIn = ({ shares }: BlockHead): boolean => lives.partOf(shares, some) > 0;
    const at = closed.findIndex((head) => head.block > folded && isIn(head));
    const window = at < 0 ? [] : closed.slice(at, at + HISTORY_FOLD_BLOCKS);
    if (window.filter(isIn).length < 2) return null;
    // The last block of the window is the first of the next one.
    this.#folded.set(share, window.at(-1)!.block - 1);
    return window;
  }

  *#write(window: readonly BlockHead[], { incompleteTo, records }: Folded<number>): Slices {
    const { blocks, era: { era }, eras } = this.history;
    const left = asManyAs(window.length, splitRecords(records, blocks.table.weigh)),
      made: NewBlock[] = [];
    // The blocks that are left take the last places of the window, where the next fold includes them.
    const gone = window.slice(0, window.length - left.length);
    for (const [i, some] of left.entries()) {
      made.push(blocks.make(window[gone.length + i]!.block, era, some));
      yield;
    }
    return this.history.rewrite(() => {
      eras.incomplete(era, incompleteTo);
      for (const head of gone) blocks.remove(head);
      for (const block of made) blocks.write(block);
    });
  }
}

/** The number of records and changes. */
function sizeOf<P>(records: readonly HistoryRecord<P>[]): number {
  return records.reduce((sum, record) => sum + 1 + changesOf(record), 0);
}
