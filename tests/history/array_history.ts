/** A history on arrays: what the file does with blocks and rows, said as plainly as can be. */
import { foldRecords } from "../../lib/history/fold.ts";
import { finish } from "../../lib/history/steps.ts";
import { Moment } from "../../lib/history/moment.ts";
import { PathSet } from "../../lib/history/path_set.ts";
import {
  type Author,
  hasKeyframe,
  type HistoryRecord,
  type NodeState,
} from "../../lib/history/record.ts";
import { joinThinned, thinInSteps, type Thinned } from "../../lib/history/thin.ts";

/** The whole store after number `number`. */
interface Keyframe {
  readonly number: number;
  readonly at: number;
  readonly nodes: ReadonlyMap<string, NodeState>;
}

function setNode(nodes: Map<string, NodeState>, path: string, node: NodeState | null): void {
  if (node === null) nodes.delete(path);
  else nodes.set(path, node);
}

export class ArrayHistory {
  /** The first is where the history begins; one stands at each restore and gap. */
  keyframes: Keyframe[];
  records: HistoryRecord[] = [];
  thinned: Thinned[] = [];
  /** All records after this number are there, and whole. */
  completeAfter: number;
  /** Records of a piece that is thinned at once. */
  piece = 7;

  constructor(start: Keyframe) {
    this.keyframes = [start];
    this.completeAfter = start.number;
  }

  /** The store's first moment that is known. */
  get horizon(): number {
    return this.keyframes[0]!.number;
  }

  /** Adds a record, with the keyframe at its end if it has one. */
  add(record: HistoryRecord, nodes?: ReadonlyMap<string, NodeState>): void {
    this.records.push(record);
    if (nodes === undefined) return;
    this.keyframes.push({ number: record.number, at: record.at, nodes: new Map(nodes) });
    if (record.type === "gap") this.completeAfter = record.number;
  }

  /** Adds a keyframe behind the last record, for quicker looks. */
  mark(number: number, at: number, nodes: ReadonlyMap<string, NodeState>): void {
    if (this.keyframes.at(-1)!.number === number) return;
    this.keyframes.push({ number, at, nodes: new Map(nodes) });
  }

  /** Folds what lies between two positions. */
  fold(from: number, to: number, folds: (author: Author) => boolean): void {
    const numbers = this.keyframes.map(({ number }) => number);
    const { incompleteTo, records } = foldRecords(this.records.slice(from, to), folds, numbers);
    this.records.splice(from, to - from, ...records);
    this.completeAfter = Math.max(this.completeAfter, incompleteTo);
  }

  /** Removes some authors' records up to `upTo`. */
  thin(goes: (author: Author) => boolean, upTo: number): void {
    const kept: HistoryRecord[] = [];
    const { piece } = this;
    for (const [i, keyframe] of this.keyframes.entries()) {
      const end = this.keyframes[i + 1]?.number ?? Infinity;
      const part = this.records.filter((record) =>
        record.number > keyframe.number && record.number <= end && !hasKeyframe(record)
      );
      const left: HistoryRecord[] = [];
      const touches = (path: string): boolean =>
        left.some((r) => r.type === "commit" && r.changes.some((change) => change.path === path));
      const nodes = new Map(keyframe.nodes);
      // Piece by piece, as the file does it by blocks.
      for (let from = 0; from < part.length; from += piece) {
        const some = part.slice(from, from + piece);
        const before = { keyframe: keyframe.number, touches };
        const { absorbed, records, thinned } = finish(
          thinInSteps(some, goes, upTo, before, () => new PathSet()),
        );
        for (const [path, node] of absorbed) setNode(nodes, path, node);
        left.push(...records);
        for (const one of thinned) this.#note(one);
      }
      this.keyframes[i] = { ...keyframe, nodes };
      kept.push(...left, ...this.records.filter((r) => r.number === end && hasKeyframe(r)));
    }
    this.records = kept;
  }

  #note(thinned: Thinned): void {
    const at = this.thinned.findIndex(({ holder }) => holder === thinned.holder);
    if (at < 0) this.thinned.push(thinned);
    else this.thinned[at] = joinThinned(this.thinned[at]!, thinned);
    this.completeAfter = Math.max(this.completeAfter, thinned.to);
  }

  /** Removes the first `count` records. */
  prune(count: number): void {
    const last = this.records[count - 1];
    if (last === undefined) return;
    const { at, number } = last;
    const { nodes } = this.at(number)!;
    this.records.splice(0, count);
    const later = this.keyframes.filter((keyframe) => keyframe.number > number);
    this.keyframes = [{ number, at, nodes }, ...later];
    this.thinned = this.thinned.filter(({ to }) => to > number)
      .map((thinned) => ({ ...thinned, from: Math.max(thinned.from, number) }));
    this.completeAfter = Math.max(this.completeAfter, number);
  }

  /** The store after number `number`; null before the horizon. */
  at(number: number): Moment | null {
    const keyframe = this.keyframes.findLast((keyframe) => keyframe.number <= number);
    if (keyframe === undefined) return null;
    const moment = new Moment(number, keyframe.nodes, this.thinned);
    for (const record of this.records) {
      if (record.number > keyframe.number && !moment.add(record)) break;
    }
    return moment;
  }
}
