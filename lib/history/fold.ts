/** Folding: many changes of one author to one path become one that says how many they were. */
import {
  type Abort,
  type Author,
  type Change,
  type Commit,
  hasKeyframe,
  type HistoryRecord,
  type Kind,
  sameAuthor,
} from "./record.ts";
import { finish } from "./steps.ts";

/** What became of some records. */
export interface Folded<P = string> {
  readonly records: HistoryRecord<P>[];
  /** The last number whose record is not as it was; 0 if all are. */
  readonly incompleteTo: number;
}

/** A record under work: its changes, with null for each that a later record counts. */
interface Draft<P> {
  readonly record: HistoryRecord<P>;
  readonly changes: (Change<P> | null)[];
  moved: number;
}

/** Where the last change of a path stands. */
interface Place<P> {
  readonly draft: Draft<P>;
  readonly at: number;
}

/** Changes in one step: some hundred microseconds of work. */
const CHANGES_A_STEP = 512;

/**
 * Folds records that follow each other: each change of an author for whom `folds` says so goes into that author's next
 * change of the same path, if no other author touched the path in between. What lies before a keyframe stays before it:
 * `keyframes` are the numbers of those that no record tells of, in order.
 */
export function foldRecords(
  records: readonly HistoryRecord[],
  folds: (author: Author) => boolean,
  keyframes: readonly number[] = [],
): Folded {
  return finish(foldInSteps(records, folds, keyframes));
}

/** As {@link foldRecords}, in steps of bounded work. */
export function* foldInSteps<P>(
  records: readonly HistoryRecord<P>[],
  folds: (author: Author) => boolean,
  keyframes: readonly number[],
): Generator<void, Folded<P>, void> {
  const folder = new Folder<P>(folds);
  let next = 0, changes = 0;
  for (const record of records) {
    for (; next < keyframes.length && keyframes[next]! < record.number; next++) folder.keyframe();
    folder.add(record);
    changes += changesOf(record) + 1;
    if (changes < CHANGES_A_STEP) continue;
    changes = 0;
    yield;
  }
  return folder.end();
}

/** The number of changes in a record. */
export function changesOf<P>(record: HistoryRecord<P>): number {
  return record.type === "commit" ? record.changes.length : 0;
}

class Folder<P> {
  readonly #folds: (author: Author) => boolean;
  readonly #drafts: (Draft<P> | null)[] = [];
  /** Where the last change of each path stands. */
  readonly #last = new Map<P, Place<P>>();
  /** Where the last abort of each path and facet stands. */
  readonly #aborts = new Map<string, number>();
  #incompleteTo = 0;

  constructor(folds: (author: Author) => boolean) {
    this.#folds = folds;
  }

  /** Nothing that comes now may be merged with what was before. */
  keyframe(): void {
    this.#last.clear();
  }

  add(record: HistoryRecord<P>): void {
    if (record.type === "abort") return this.#addAbort(record);
    if (hasKeyframe(record)) this.keyframe();
    const draft: Draft<P> = { record, changes: [], moved: 0 };
    this.#drafts.push(draft);
    if (record.type !== "commit") return;
    for (const change of record.changes) this.#addChange(draft, record.author, change);
  }

  #addChange(draft: Draft<P>, author: Author, change: Change<P>): void {
    const last = this.#last.get(change.path), at = draft.changes.length;
    this.#last.set(change.path, { draft, at });
    // A path may stand in a commit twice, where that was too large for one record.
    const merges = last !== undefined && last.draft.record.number !== draft.record.number &&
      isBy(last.draft, author) && this.#folds(author);
    if (!merges) return void draft.changes.push(change);
    draft.changes.push(merged(take(last), change));
    this.#incompleteTo = Math.max(this.#incompleteTo, draft.record.number);
  }

  #addAbort(record: Abort<P>): void {
    const key = `${record.facet} ${record.path}`;
    const at = this.#aborts.get(key);
    this.#aborts.set(key, this.#drafts.length);
    const last = at === undefined ? undefined : this.#drafts[at]?.record;
    const merges = last?.type === "abort" && sameAuthor(last.author, record.author) &&
      this.#folds(record.author);
    if (merges) {
      this.#drafts[at!] = null;
      this.#incompleteTo = Math.max(this.#incompleteTo, record.number);
    }
    const { first, firstAt } = merges ? last : record;
    const count = record.count + (merges ? last.count : 0);
    const whole: Abort<P> = { ...record, count, first, firstAt };
    this.#drafts.push({ record: whole, changes: [], moved: 0 });
  }

  end(): Folded<P> {
    const records: HistoryRecord<P>[] = [];
    for (const draft of this.#drafts) {
      if (draft !== null) pushLeft(records, draft);
    }
    return { records, incompleteTo: this.#incompleteTo };
  }
}

function isBy<P>({ record }: Draft<P>, author: Author): boolean {
  return record.type === "commit" && sameAuthor(record.author, author);
}

/** Takes a change out of a record. */
function take<P>({ at, draft }: Place<P>): Change<P> {
  const change = draft.changes[at]!;
  draft.changes[at] = null;
  draft.moved++;
  return change;
}

/** One change for both. */
export function merged<P>(earlier: Change<P>, later: Change<P>): Change<P> {
  const { count, first, firstAt, old, path } = earlier;
  return { path, old, new: later.new, count: count + later.count, first, firstAt };
}

/** Whether the changes of a commit of this kind say all that it did. */
const IN_CHANGES: readonly Kind[] = ["write", "mkdir", "rm", "set-perms", "transaction", "pruned"];

export function isAllInChanges(kind: Kind): boolean {
  return IN_CHANGES.includes(kind);
}

/** Drops a commit without changes: the counts of later ones tell of it. */
function pushLeft<P>(records: HistoryRecord<P>[], { changes, moved, record }: Draft<P>): void {
  if (record.type !== "commit") return void records.push(record);
  if (changes.length === moved && moved > 0 && isAllInChanges(record.kind)) return;
  const rest = moved === 0 ? changes as Change<P>[] : changes.filter((change) => change !== null);
  const left: Commit<P> = { ...record, changes: rest, moved: record.moved + moved };
  records.push(left);
}
