/** Records that are not in the file yet, or only in its last block, which still grows. */
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_BLOCK_RECORDS,
  HISTORY_FAST_MICROSECONDS,
  HISTORY_FAST_RECORDS,
  HISTORY_MISSING_AUTHORS_MAX,
  HISTORY_UNSAVED_BYTES_MAX,
} from "../limits.ts";
import { foldRecords, isAllInChanges, merged } from "./fold.ts";
import {
  type Abort,
  type Author,
  type Commit,
  type HistoryRecord,
  type Missing,
  sameAuthor,
} from "./record.ts";
import { holderOf } from "./shares.ts";

/** What a record takes beside its paths and values, about. */
const RECORD_BYTES = 48;
const CHANGE_BYTES = 24;

/** The last block of a history, as long as it grows. */
export class Pending {
  /** In the place of one whose only change is counted in a later one stands null. */
  #records: (HistoryRecord | null)[] = [];
  #holes = 0;
  #bytes = 0;
  #unsavedBytes = 0;
  #unsaved: { readonly author: Author; count: number }[] = [];
  #firstUnsaved: HistoryRecord | null = null;
  /** Records of each holder in this block, also those that are folded, since one was the first of them. */
  #counts = new Map<string, number>();
  #since = 0;
  /** Where the last change of each path stands, as far as that is one which may be folded as it comes. */
  #last = new Map<string, number>();
  /** The last number of what is not as it was, 0 for none. */
  incompleteTo = 0;

  get records(): readonly HistoryRecord[] {
    if (this.#holes > 0) this.#compact();
    return this.#records as HistoryRecord[];
  }

  #compact(): void {
    this.#records = this.#records.filter((record) => record !== null);
    this.#holes = 0;
    this.#last.clear();
    for (let i = 0; i < this.#records.length; i++) this.#place(this.#records[i]!, i);
  }

  /** Whether some are not in the file. */
  get isDirty(): boolean {
    return this.#firstUnsaved !== null;
  }

  /** Whether the block is to be closed. */
  get isFull(): boolean {
    return this.#records.length - this.#holes >= HISTORY_BLOCK_RECORDS ||
      this.#bytes >= HISTORY_BLOCK_BYTES;
  }

  /** Whether more is not in the file than may be in memory only. */
  get isTooMuch(): boolean {
    return this.#unsavedBytes > HISTORY_UNSAVED_BYTES_MAX;
  }

  add(record: HistoryRecord): void {
    this.#firstUnsaved ??= record;
    if (record.type !== "gap") {
      countAuthor(this.#unsaved, record.author);
      if (this.#isFast(record) && this.#merge(record)) return;
    }
    const bytes = bytesOf(record);
    this.#place(record, this.#records.push(record) - 1);
    this.#bytes += bytes;
    this.#unsavedBytes += bytes;
  }

  /** Counts one more of its author; whether these come so fast that they are folded. */
  #isFast({ at, author }: Commit | Abort): boolean {
    if (this.#counts.size === 0) this.#since = at;
    const holder = holderOf(author), count = (this.#counts.get(holder) ?? 0) + 1;
    this.#counts.set(holder, count);
    if (at - this.#since <= HISTORY_FAST_MICROSECONDS) return count > HISTORY_FAST_RECORDS;
    // What is slower than that for long may become faster again.
    this.#counts.clear();
    return false;
  }

  /** Counts a record's change in that of the same author before it, which goes, if no one else has touched the path since. */
  #merge(record: HistoryRecord): boolean {
    if (!isSimple(record)) return false;
    const { path } = record.changes[0]!, at = this.#last.get(path);
    const earlier = at === undefined ? null : this.#records[at]!;
    if (earlier === null || !isSimple(earlier) || !sameAuthor(earlier.author, record.author)) {
      return false;
    }
    this.#records[at!] = null;
    this.#holes++;
    const change = merged(earlier.changes[0]!, record.changes[0]!);
    this.#last.set(path, this.#records.push({ ...record, changes: [change] }) - 1);
    this.incompleteTo = record.number;
    if (this.#holes > HISTORY_BLOCK_RECORDS) this.#compact();
    return true;
  }

  #place(record: HistoryRecord, at: number): void {
    if (record.type !== "commit") {
      if (record.type === "gap") this.#last.clear();
      return;
    }
    if (record.isKeyframe) this.#last.clear();
    for (let i = 0; i < record.changes.length; i++) this.#last.set(record.changes[i]!.path, at);
  }

  /** Puts another record in the place of each, which says as much of its author and its paths. */
  change(to: (record: HistoryRecord) => HistoryRecord): void {
    this.#records = this.records.map(to);
    this.#bytes = this.records.reduce((sum, record) => sum + bytesOf(record), 0);
  }

  /** Folds what came too fast. */
  fold(): void {
    const { records } = this;
    const times = records.map(({ at }) => at);
    if (Math.max(...times) - Math.min(...times) > HISTORY_FAST_MICROSECONDS) return;
    const counts = new Map<string, number>();
    for (const record of records) {
      if (record.type === "gap") continue;
      const holder = holderOf(record.author);
      counts.set(holder, (counts.get(holder) ?? 0) + 1);
    }
    const isFast = (author: Author): boolean =>
      (counts.get(holderOf(author)) ?? 0) >= HISTORY_FAST_RECORDS;
    const folded = foldRecords(records, isFast);
    this.#records = folded.records;
    this.#compact();
    this.#bytes = folded.records.reduce((sum, record) => sum + bytesOf(record), 0);
    this.incompleteTo = Math.max(this.incompleteTo, folded.incompleteTo);
  }

  /** All that is here is in the file. */
  saved(): void {
    this.#unsavedBytes = 0;
    this.#unsaved = [];
    this.#firstUnsaved = null;
  }

  clear(): void {
    this.#records = [];
    this.#holes = 0;
    this.#bytes = 0;
    this.#counts.clear();
    this.#last.clear();
    this.incompleteTo = 0;
    this.saved();
  }

  /** What would be missing without what is not in the file; null when all is. */
  get unsaved(): { readonly first: HistoryRecord; readonly missing: readonly Missing[] } | null {
    const first = this.#firstUnsaved;
    return first === null ? null : { first, missing: this.#unsaved };
  }
}

/** Whether a record is of one path, and says nothing besides. */
function isSimple(record: HistoryRecord): record is Commit {
  return record.type === "commit" && record.changes.length === 1 && record.detail === "" &&
    isAllInChanges(record.kind);
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
  for (const one of counts) {
    if (one.author === author || sameAuthor(one.author, author)) return void one.count++;
  }
  const isMore = counts.length >= HISTORY_MISSING_AUTHORS_MAX;
  const known = isMore ? counts.find(({ author: { kind } }) => kind === "pruned") : undefined;
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
