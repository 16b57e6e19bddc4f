/** The records of the last block, which still grows: some or all of them are not in the file yet. */
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_BLOCK_RECORDS,
  HISTORY_FAST_MICROSECONDS,
  HISTORY_FAST_RECORDS,
  HISTORY_MISSING_AUTHORS_MAX,
  HISTORY_TALLIES_MAX,
  HISTORY_UNSAVED_BYTES_MAX,
} from "../limits.ts";
import { recordBytes } from "./block_split.ts";
import { CodedCommit } from "./coded_commit.ts";
import { foldRecords, isAllInChanges } from "./fold.ts";
import type { Folds } from "./folds.ts";
import { OneChange } from "./one_change.ts";
import { isUnder } from "./path_set.ts";
import {
  type Abort,
  type Author,
  type Commit,
  hasKeyframe,
  type HistoryRecord,
  type Missing,
  type Numbered,
  sameAuthor,
} from "./record.ts";
import { holderOf } from "./shares.ts";
import { valueBytes, weighText } from "./sizes.ts";
import { Tally } from "./tally.ts";

/** The block of a history that grows. */
export class Pending implements Folds {
  /** In the order of their arrival, with those in {@link #gone}. */
  #records: HistoryRecord[] = [];
  /** Records whose only change is folded into a later record. */
  readonly #gone = new Set<HistoryRecord>();
  /** Grows when {@link records} shows the records: those of an earlier period must not change any more. */
  #period = 0;
  #isSorted = true;
  #bytes = 0;
  #unsavedBytes = 0;
  #firstUnsaved: Numbered | null = null;
  /** How many records of each holder came since {@link #since}, folded ones included. */
  readonly #recent = new Map<string, { count: number }>();
  #since = -1;
  readonly #tallies = new Map<Author, Tally>();
  /** Records that are not in the file, of authors whose tallies were dropped. */
  #missing: { author: Author; count: number }[] = [];
  #tally: Tally | null = null;
  /** The last record of each path. */
  readonly #last = new Map<string, HistoryRecord>();
  /** Replaced when {@link #last} is emptied: a record that was placed in an older one is no longer the last of its path. */
  #places = {};
  saves = 0;
  /** Up to this number some records are folded; 0 for none. */
  incompleteTo = 0;

  /** All records, in the order of their numbers. They do not change any more. */
  get records(): readonly HistoryRecord[] {
    if (this.#gone.size > 0) {
      this.#records = this.#records.filter((record) => !this.#gone.has(record));
      this.#gone.clear();
    }
    // The sort is stable, so the parts of a commit, which have one number, keep their order.
    if (!this.#isSorted) this.#records = [...this.#records].sort((a, b) => a.number - b.number);
    this.#isSorted = true;
    this.#period++;
    return this.#records;
  }

  #setAll(records: HistoryRecord[]): void {
    this.#records = records;
    this.#gone.clear();
    this.#isSorted = true;
    this.#forgetPlaces();
    for (const record of records) this.#place(record);
    this.#bytes = records.reduce((sum, record) => sum + recordBytes(record, weighText), 0);
  }

  /** Whether some records are not in the file. */
  get isDirty(): boolean {
    return this.#firstUnsaved !== null;
  }

  /** Whether the block must be closed. */
  get isFull(): boolean {
    return this.#records.length - this.#gone.size >= HISTORY_BLOCK_RECORDS ||
      this.#bytes >= HISTORY_BLOCK_BYTES;
  }

  /** Whether the records that are only in memory exceed their bound. */
  get isTooMuch(): boolean {
    return this.#unsavedBytes > HISTORY_UNSAVED_BYTES_MAX;
  }

  /** Adds a record. It copies a {@link OneChange}, which the caller may reuse. */
  add(record: HistoryRecord): void {
    if (this.#firstUnsaved === null) this.#firstUnsaved = { number: record.number, at: record.at };
    if (record.type === "gap") return this.#keep(record);
    const isFast = this.#count(record);
    if (!isFast || record.type !== "commit" || !this.#fold(record)) this.#keep(record);
  }

  lastOf(path: string): OneChange | null {
    const last = this.#last.get(path);
    return last instanceof OneChange ? last : null;
  }

  lastFor({ changes, last }: OneChange): OneChange | null {
    return this.#isLast(last) ? last : this.lastOf(changes[0].path);
  }

  #isLast(record: OneChange | null): record is OneChange {
    return record !== null && record.placedIn === this.#places;
  }

  isFolded(record: OneChange, last: OneChange): boolean {
    const { at } = record;
    if (this.#since < 0 || at - this.#since > HISTORY_FAST_MICROSECONDS) return false;
    if (!isAllInChanges(record.kind) || !isAllInChanges(last.kind)) return false;
    return sameAuthor(last.author, record.author) &&
      this.#tallyFor(record).recent.count >= HISTORY_FAST_RECORDS;
  }

  #keep(record: HistoryRecord): void {
    const own = record instanceof OneChange ? this.#copy(record) : record;
    if (record.type === "commit" && countIn(record) > 1) {
      this.incompleteTo = Math.max(this.incompleteTo, record.number);
    }
    this.#records.push(own);
    this.#place(own);
    const bytes = recordBytes(own, weighText);
    this.#bytes += bytes;
    this.#unsavedBytes += bytes;
  }

  /** Counts a record of its author; true if these come so fast that they must be folded. */
  #count(record: Commit | Abort): boolean {
    const { at } = record;
    if (this.#since < 0) this.#since = at;
    const tally = this.#tallyFor(record), more = countIn(record);
    tally.unsaved += more;
    tally.recent.count += more;
    if (record instanceof OneChange) record.tally = tally;
    if (at - this.#since <= HISTORY_FAST_MICROSECONDS) {
      return tally.recent.count > HISTORY_FAST_RECORDS;
    }
    // The period is over: an author that was slow may become fast in the next one.
    for (const recent of this.#recent.values()) recent.count = 0;
    this.#since = -1;
    return false;
  }

  #tallyFor(record: Commit | Abort): Tally {
    const { author } = record;
    if (this.#tally?.author === author) return this.#tally;
    const known = record instanceof OneChange && record.last !== null ? record.last.tally : null;
    return known !== null && known.author === author && !known.isOver
      ? known
      : this.#tallyOf(author);
  }

  #tallyOf(author: Author): Tally {
    let tally = this.#tallies.get(author);
    if (tally === undefined) {
      if (this.#tallies.size >= HISTORY_TALLIES_MAX) this.#dropTallies();
      const holder = holderOf(author);
      let recent = this.#recent.get(holder);
      if (recent === undefined) this.#recent.set(holder, recent = { count: 0 });
      this.#tallies.set(author, tally = new Tally(author, recent));
    }
    return this.#tally = tally;
  }

  /** Bounds the tallies: a process that connects again and again is a new author object each time. */
  #dropTallies(): void {
    this.#missing = this.#allMissing();
    this.#forgetTallies();
  }

  #forgetTallies(): void {
    for (const tally of this.#tallies.values()) tally.isOver = true;
    this.#tallies.clear();
    this.#tally = null;
  }

  #allMissing(): { author: Author; count: number }[] {
    const missing = this.#missing.map((one) => ({ ...one }));
    for (const { author, unsaved } of this.#tallies.values()) {
      if (unsaved > 0) countAuthor(missing, author, unsaved);
    }
    return missing;
  }

  /** Folds a record into the last one of its path, if both have one change and the same author; false if it cannot. */
  #fold(record: Commit): boolean {
    if (record instanceof CodedCommit || !OneChange.is(record)) return false;
    const { path } = record.changes[0]!, last = record instanceof OneChange ? record.last : null;
    if (this.#isLast(last) && last.changesIn(this.#period)) return this.#foldInto(last, record);
    const earlier = this.#last.get(path);
    if (earlier === undefined || earlier.type !== "commit" || !OneChange.is(earlier)) return false;
    return this.#foldInto(earlier, record);
  }

  #foldInto(earlier: Commit, record: Commit): boolean {
    if (!isAllInChanges(record.kind) || !isAllInChanges(earlier.kind)) return false;
    if (!sameAuthor(earlier.author, record.author)) return false;
    const { new: now, path } = record.changes[0]!;
    const more = valueBytes(now) - valueBytes(earlier.changes[0]!.new);
    this.#bytes += more;
    this.#unsavedBytes = Math.max(0, this.#unsavedBytes + more);
    this.#ownOf(earlier, path).absorb(record);
    this.#isSorted = false;
    this.incompleteTo = record.number;
    return true;
  }

  /** The last record of a path; a copy takes its place if it must not change. */
  #ownOf(record: Commit, path: string): OneChange {
    if (record instanceof OneChange && record.changesIn(this.#period)) return record;
    const own = this.#copy(record);
    this.#gone.add(record);
    this.#records.push(own);
    this.#last.set(path, own);
    if (record instanceof OneChange) record.placedIn = null;
    own.placedIn = this.#places;
    return own;
  }

  #copy(record: Commit): OneChange {
    const copy = OneChange.of(record);
    copy.mayChangeIn(this.#period);
    return copy;
  }

  #place(record: HistoryRecord): void {
    if (hasKeyframe(record)) this.#forgetPlaces();
    if (record.type !== "commit") return;
    if (record instanceof CodedCommit) return this.#forgetBelow(record.coded.top);
    for (let i = 0; i < record.changes.length; i++) {
      const { path } = record.changes[i]!, before = this.#last.get(path);
      if (before instanceof OneChange) before.placedIn = null;
      this.#last.set(path, record);
    }
    if (record instanceof OneChange) record.placedIn = this.#places;
  }

  #forgetPlaces(): void {
    this.#last.clear();
    this.#places = {};
  }

  /** Forgets the records at or below a path: nothing that comes now may be folded into them. */
  #forgetBelow(top: string): void {
    for (const [path, record] of this.#last) {
      if (!isUnder(path, top)) continue;
      if (record instanceof OneChange) record.placedIn = null;
      this.#last.delete(path);
    }
  }

  /** Replaces each record by `to(record)`, which must have the same author and paths. */
  change(to: (record: HistoryRecord) => HistoryRecord): void {
    this.#setAll(this.records.map(to));
  }

  /** Folds the records of authors that were too fast in this block. */
  fold(): void {
    const { records } = this;
    const times = records.map(({ at }) => at);
    if (Math.max(...times) - Math.min(...times) > HISTORY_FAST_MICROSECONDS) return;
    const counts = new Map<string, number>();
    let most = 0;
    for (const record of records) {
      if (record.type === "gap") continue;
      const holder = holderOf(record.author), count = (counts.get(holder) ?? 0) + 1;
      counts.set(holder, count);
      if (count > most) most = count;
    }
    // A block of large records has too few of them to be worth it.
    if (most < HISTORY_FAST_RECORDS) return;
    const isFast = (author: Author): boolean =>
      (counts.get(holderOf(author)) ?? 0) >= HISTORY_FAST_RECORDS;
    const folded = foldRecords(records, isFast);
    this.#setAll(folded.records);
    this.incompleteTo = Math.max(this.incompleteTo, folded.incompleteTo);
  }

  /** Notes that all records are in the file. */
  saved(): void {
    this.saves++;
    this.#unsavedBytes = 0;
    this.#firstUnsaved = null;
    this.#missing = [];
    for (const tally of this.#tallies.values()) tally.unsaved = 0;
  }

  clear(): void {
    this.#setAll([]);
    this.#recent.clear();
    this.#since = -1;
    this.#forgetTallies();
    this.incompleteTo = 0;
    this.saved();
  }

  /** The gap that a loss of the unsaved records would leave; null when all are in the file. */
  get unsaved(): { readonly first: Numbered; readonly missing: readonly Missing[] } | null {
    const first = this.#firstUnsaved;
    return first === null ? null : { first, missing: this.#allMissing() };
  }
}

/** Adds to an author's count. Authors beyond {@link HISTORY_MISSING_AUTHORS_MAX} share one count. */
export function countAuthor(
  counts: { author: Author; count: number }[],
  author: Author,
  more = 1,
): void {
  for (const one of counts) if (sameAuthor(one.author, author)) return void (one.count += more);
  const isMore = counts.length >= HISTORY_MISSING_AUTHORS_MAX;
  const known = isMore ? counts.find(({ author: { kind } }) => kind === "pruned") : undefined;
  if (known !== undefined) known.count += more;
  else counts.push({ author: isMore ? { kind: "pruned" } : author, count: more });
}

/** Adds what a record stands for to its author's count. */
export function countRecord(
  counts: { author: Author; count: number }[],
  record: HistoryRecord,
): void {
  if (record.type !== "gap") countAuthor(counts, record.author, countIn(record));
}

/** How many commits or aborted transactions a record stands for that was not in the file yet; none if it is a gap. */
export function countIn(record: HistoryRecord): number {
  if (record.type === "gap") return 0;
  if (record.type === "abort") return record.count;
  // The changes of a coded commit happened once each, and need not be decoded for that.
  const isOne = !(record instanceof CodedCommit) && record.changes.length === 1;
  return isOne ? record.changes[0]!.count : 1;
}
