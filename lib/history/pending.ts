/** Records that are not in the file yet, or only in its last block, which still grows. */
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_BLOCK_RECORDS,
  HISTORY_FAST_MICROSECONDS,
  HISTORY_FAST_RECORDS,
  HISTORY_MISSING_AUTHORS_MAX,
  HISTORY_UNSAVED_BYTES_MAX,
} from "../limits.ts";
import { foldRecords } from "./fold.ts";
import { type Author, type HistoryRecord, type Missing, sameAuthor } from "./record.ts";
import { holderOf } from "./shares.ts";

/** What a record takes beside its paths and values, about. */
const RECORD_BYTES = 48;
const CHANGE_BYTES = 24;

/** The last block of a history, as long as it grows. */
export class Pending {
  #records: HistoryRecord[] = [];
  #bytes = 0;
  #unsavedBytes = 0;
  #unsaved: { readonly author: Author; count: number }[] = [];
  #firstUnsaved: HistoryRecord | null = null;

  get records(): readonly HistoryRecord[] {
    return this.#records;
  }

  /** Whether some are not in the file. */
  get isDirty(): boolean {
    return this.#firstUnsaved !== null;
  }

  /** Whether the block is to be closed. */
  get isFull(): boolean {
    return this.#records.length >= HISTORY_BLOCK_RECORDS || this.#bytes >= HISTORY_BLOCK_BYTES;
  }

  /** Whether more is not in the file than may be in memory only. */
  get isTooMuch(): boolean {
    return this.#unsavedBytes > HISTORY_UNSAVED_BYTES_MAX;
  }

  add(record: HistoryRecord): void {
    const bytes = bytesOf(record);
    this.#records.push(record);
    this.#bytes += bytes;
    this.#unsavedBytes += bytes;
    this.#firstUnsaved ??= record;
    if (record.type !== "gap") countAuthor(this.#unsaved, record.author);
  }

  /** Folds what came too fast; returns the last number of what is not as it was then, 0 for none. */
  fold(): number {
    const times = this.#records.map(({ at }) => at);
    if (Math.max(...times) - Math.min(...times) > HISTORY_FAST_MICROSECONDS) return 0;
    const counts = new Map<string, number>();
    for (const record of this.#records) {
      if (record.type === "gap") continue;
      const holder = holderOf(record.author);
      counts.set(holder, (counts.get(holder) ?? 0) + 1);
    }
    const isFast = (author: Author): boolean =>
      (counts.get(holderOf(author)) ?? 0) >= HISTORY_FAST_RECORDS;
    const { incompleteTo, records } = foldRecords(this.#records, isFast);
    this.#records = records;
    this.#bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    return incompleteTo;
  }

  /** All that is here is in the file. */
  saved(): void {
    this.#unsavedBytes = 0;
    this.#unsaved = [];
    this.#firstUnsaved = null;
  }

  clear(): void {
    this.#records = [];
    this.#bytes = 0;
    this.saved();
  }

  /** What would be missing without what is not in the file; null when all is. */
  get unsaved(): { readonly first: HistoryRecord; readonly missing: readonly Missing[] } | null {
    const first = this.#firstUnsaved;
    return first === null ? null : { first, missing: this.#unsaved };
  }
}

/** Records in the order in which they stand, as many together as make a block. */
export function blocksOf(records: readonly HistoryRecord[]): HistoryRecord[][] {
  const blocks: HistoryRecord[][] = [];
  let bytes = Infinity;
  for (const record of records) {
    const more = bytesOf(record);
    const isFull = bytes + more > HISTORY_BLOCK_BYTES ||
      blocks.at(-1)!.length === HISTORY_BLOCK_RECORDS;
    if (isFull) blocks.push([]);
    bytes = (isFull ? 0 : bytes) + more;
    blocks.at(-1)!.push(record);
  }
  return blocks;
}

/** Counts one more of an author; of all beyond so many together. */
export function countAuthor(counts: { author: Author; count: number }[], author: Author): void {
  const isMore = counts.length >= HISTORY_MISSING_AUTHORS_MAX;
  const known = counts.find((one) => sameAuthor(one.author, author)) ??
    (isMore ? counts.find(({ author: { kind } }) => kind === "pruned") : undefined);
  if (known !== undefined) known.count++;
  else counts.push({ author: isMore ? { kind: "pruned" } : author, count: 1 });
}

function bytesOf(record: HistoryRecord): number {
  if (record.type !== "commit") return 2 * RECORD_BYTES;
  let bytes = RECORD_BYTES;
  for (const { path, old, new: now } of record.changes) {
    bytes += CHANGE_BYTES + path.length;
    for (const node of [old, now]) {
      if (node?.value instanceof Uint8Array) bytes += node.value.length;
    }
  }
  return bytes;
}
