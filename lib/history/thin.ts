/** Thinning: an author's own oldest records go, so that others' can stay. */
import { changesOf, merged } from "./fold.ts";
import {
  type Abort,
  type Author,
  type Change,
  type Commit,
  hasKeyframe,
  type HistoryRecord,
  type NodeState,
} from "./record.ts";
import { PathSet } from "./path_set.ts";
import { holderOf } from "./shares.ts";

/** An author's removed changes. Their results stay in a keyframe or a record. */
export interface Thinned {
  /** Whose: see shares.ts. */
  readonly holder: string;
  /** From this number to below `to` their paths are unknown. */
  readonly from: number;
  readonly to: number;
  /** Records that are gone. */
  readonly count: number;
  /** All their paths are at or below one of these. */
  readonly under: readonly string[];
}

/** What thinning needs of the records that lie before. */
export interface Before<P = string> {
  /** Number of the keyframe that all begins from. */
  readonly keyframe: number;
  /** Whether a record between the keyframe and those that are thinned has, or may have, a change of this path. */
  touches(path: P): boolean;
}

/** A few paths that stand for all that are at or below them: see path_set.ts. */
export interface Tops<P> {
  add(path: P): void;
  readonly paths: readonly string[];
}

/** What became of records of one stretch. */
export interface ThinResult<P = string> {
  readonly records: HistoryRecord<P>[];
  /** What the keyframe must say from now on, by path. */
  readonly absorbed: ReadonlyMap<P, NodeState | null>;
  /** One for each author that lost a record. */
  readonly thinned: readonly Thinned[];
}

/** Changes in one step: some hundred microseconds of work. */
const CHANGES_A_STEP = 512;

/**
 * Removes the records up to number `upTo` whose authors `goes` selects, in steps of bounded work. `records` follow each other with no
 * keyframe among them. The results of removed records go into the keyframe before them. Where another author touched the path in
 * between, the result stays as a change of unknown authors.
 */
export function* thinInSteps<P>(
  records: readonly HistoryRecord<P>[],
  goes: (author: Author) => boolean,
  upTo: number,
  before: Before<P>,
  newTops: () => Tops<P>,
): Generator<void, ThinResult<P>, void> {
  const thinner = new Thinner(before, newTops);
  let changes = 0;
  for (const record of records) {
    if (hasKeyframe(record)) throw new Error("a keyframe stands among records that are thinned");
    if (record.type === "gap" || record.number > upTo || !goes(record.author)) thinner.keep(record);
    else thinner.remove(record);
    changes += changesOf(record) + 1;
    if (changes < CHANGES_A_STEP) continue;
    changes = 0;
    yield;
  }
  return thinner.end();
}

/** A record that stays, or the rest of removed ones. */
interface Remainder<P> {
  readonly record: HistoryRecord<P>;
  /** The changes left of removed records, null for each that a later one counts; null for a record that stays. */
  readonly rest: (Change<P> | null)[] | null;
}

/** The place of a path's last change; `at` is its position in the rest, if that is one of removed records. */
interface Place<P> {
  readonly remainder: Remainder<P>;
  readonly at: number;
}

class Thinner<P> {
  readonly #before: Before<P>;
  readonly #newTops: () => Tops<P>;
  readonly #remainder: Remainder<P>[] = [];
  readonly #absorbed = new Map<P, NodeState | null>();
  /** The place of each path's last change. */
  readonly #touched = new Map<P, Place<P>>();
  /** The losses of each holder. */
  readonly #lost = new Map<string, { count: number; to: number; readonly under: Tops<P> }>();

  constructor(before: Before<P>, newTops: () => Tops<P>) {
    this.#before = before;
    this.#newTops = newTops;
  }

  keep(record: HistoryRecord<P>): void {
    // What was left of others goes as well, when no record before it is left.
    if (record.type === "commit" && record.author.kind === "pruned") return this.#leave(record);
    const remainder: Remainder<P> = { record, rest: null };
    this.#remainder.push(remainder);
    if (record.type !== "commit") return;
    for (const { path } of record.changes) this.#touched.set(path, { remainder, at: -1 });
  }

  remove(record: Abort<P> | Commit<P>): void {
    const holder = holderOf(record.author);
    let lost = this.#lost.get(holder);
    if (lost === undefined) {
      this.#lost.set(holder, lost = { count: 0, to: 0, under: this.#newTops() });
    }
    lost.count++;
    lost.to = Math.max(lost.to, record.number);
    if (record.type !== "commit") return;
    for (const { path } of record.changes) lost.under.add(path);
    this.#leave(restOf(record));
  }

  /** Keeps of a commit what must be known of it. */
  #leave(record: Commit<P>): void {
    const rest: (Change<P> | null)[] = [], remainder: Remainder<P> = { record, rest };
    this.#remainder.push(remainder);
    for (const change of record.changes) {
      const { path } = change;
      const last = this.#touched.get(path);
      if (last === undefined && !this.#before.touches(path)) {
        this.#absorbed.set(path, change.new);
        continue;
      }
      const earlier = last === undefined ? null : take(last);
      this.#touched.set(path, { remainder, at: rest.length });
      rest.push(earlier === null ? change : merged(earlier, change));
    }
  }

  end(): ThinResult<P> {
    const records = this.#remainder.flatMap(({ record, rest }) => {
      if (rest === null || record.type !== "commit") return [record];
      const changes = rest.filter((change) => change !== null);
      return changes.length === 0 ? [] : [{ ...record, changes }];
    });
    const { keyframe: from } = this.#before;
    const thinned = [...this.#lost].map(([holder, { count, to, under }]): Thinned => ({
      ...{ holder, from, to, count },
      under: under.paths,
    }));
    return { records, absorbed: this.#absorbed, thinned };
  }
}

/** Takes a change out of the rest of removed records; null when its record stays. */
function take<P>({ at, remainder: { rest } }: Place<P>): Change<P> | null {
  if (rest === null) return null;
  const change = rest[at] ?? null;
  rest[at] = null;
  return change;
}

/** A record whose author is not known any more. */
function restOf<P>({ at, changes, number }: Commit<P>): Commit<P> {
  return {
    type: "commit",
    number,
    at,
    author: { kind: "pruned" },
    kind: "pruned",
    operations: 0,
    detail: "",
    changes,
    moved: 0,
    isKeyframe: false,
  };
}

/** One for both, of the holder of the first. */
export function joinThinned(a: Thinned, b: Thinned): Thinned {
  const under = new PathSet(a.under);
  for (const path of b.under) under.add(path);
  return {
    holder: a.holder,
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
    count: a.count + b.count,
    under: under.paths,
  };
}
