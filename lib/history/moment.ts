/** The store at a moment of the past, rebuilt from a keyframe and what came after it. */
import {
  type Change,
  hasKeyframe,
  type HistoryRecord,
  isLeftOut,
  type NodeState,
} from "./record.ts";
import { isUnder } from "./path_set.ts";
import { Scope } from "./scope.ts";
import type { Thinned } from "./thin.ts";

/** From this number to below `to`, what a path had is not known; before and from `to` on it is. */
export interface Between {
  readonly from: number;
  readonly to: number;
}

/** What is not known: what one path had, or all at and below it. */
export interface Unknown extends Between {
  readonly path: string;
  readonly isBelow: boolean;
}

/**
 * The store after one number. Records are told it in order, from the keyframe before that number to the end of the history,
 * as changes that are folded into a later one are told by that.
 */
export class Moment {
  /** All nodes within its scope by their paths; of one that is not {@link known}, as it was before. */
  readonly nodes: Map<string, NodeState>;
  readonly #unknown = new Map<string, Between>();
  readonly #thinned: readonly Thinned[];
  #gap: Between | null = null;

  constructor(
    readonly number: number,
    nodes: Iterable<readonly [string, NodeState]>,
    thinned: readonly Thinned[],
    private readonly scope: Scope = Scope.ALL,
  ) {
    this.nodes = new Map(nodes);
    this.#thinned = thinned.filter(({ from, to }) => from <= number && number < to);
  }

  /** From number `from` on, up to the next keyframe, nothing is known: records are damaged, or a keyframe is missing. */
  lose(from: number, to: number): void {
    if (from <= this.number && this.#gap === null) this.#gap = { from, to };
  }

  /** Whether nothing is known of it but what came since it was lost. */
  get isLost(): boolean {
    return this.#gap !== null;
  }

  /** Tells the next record; false when no later one can say anything of this moment. */
  add(record: HistoryRecord): boolean {
    const { number } = this;
    if (record.type === "gap" && record.first <= number && number < record.number) {
      this.#gap = { from: record.first, to: record.number };
    }
    if (hasKeyframe(record)) {
      if (record.number > number) return false;
      // It was not begun from that keyframe, so there is none: what came then is not known.
      this.lose(record.number, Infinity);
    }
    if (record.type === "commit") {
      for (const change of record.changes) this.#change(record.number, change);
    }
    return true;
  }

  #change(number: number, { path, new: now, first }: Change): void {
    if (!this.scope.has(path)) return;
    if (number > this.number) return this.#later(number, path, first);
    if (now === null) this.nodes.delete(path);
    else this.nodes.set(path, now);
    // Nobody knows what was there, nor that anything was: see ride_recovery.ts.
    if (isLeftOut(now)) this.#unknown.set(path, { from: first, to: Infinity });
    else if (this.#unknown.size > 0) this.#unknown.delete(path);
  }

  /** A change that came after this moment, or began before it. */
  #later(number: number, path: string, first: number): void {
    const unknown = this.#unknown.get(path), to = first > this.number ? first : number;
    if (unknown?.to === Infinity) this.#unknown.set(path, { ...unknown, to });
    else if (unknown === undefined && first <= this.number) {
      this.#unknown.set(path, { from: first, to: number });
    }
  }

  /** Null when it is known what `path` was, or that it was not; else between which numbers it changed. */
  unknown(path: string): Between | null {
    let found = this.#gap ?? this.#unknown.get(path) ?? null;
    for (const { from, to, under } of this.#thinned) {
      if (under.some((top) => isUnder(path, top))) found = widest(found, { from, to });
    }
    return found;
  }

  /** All that is not known at and below `top`. */
  *unknowns(top: string): Generator<Unknown, void, void> {
    if (this.#gap !== null) yield { path: top, isBelow: true, ...this.#gap };
    for (const [path, between] of this.#unknown) {
      if (isUnder(path, top)) yield { path, isBelow: false, ...between };
    }
    for (const { from, to, under } of this.#thinned) {
      for (const path of under) {
        if (isUnder(path, top)) yield { path, isBelow: true, from, to };
        else if (isUnder(top, path)) yield { path: top, isBelow: true, from, to };
      }
    }
  }

  /** Null when all at and below `top` is known; else between which numbers it is not. */
  inexact(top: string = "/"): Between | null {
    let found = this.#gap;
    for (const [path, between] of this.#unknown) {
      if (isUnder(path, top)) found = widest(found, between);
    }
    for (const { from, to, under } of this.#thinned) {
      const meets = under.some((other) => isUnder(other, top) || isUnder(top, other));
      if (meets) found = widest(found, { from, to });
    }
    return found;
  }
}

function widest(a: Between | null, b: Between): Between {
  return a === null ? b : { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}
