/** What a history is asked, in steps: each generator yields null between two of them. */
import { parentPath } from "../store/path.ts";
import type { BlockHead, DamagedBlock } from "./blocks.ts";
import { checkWithin, having, OutsideError, readPieces, type Steps } from "./reading.ts";
import type { History } from "./history.ts";
import { type LogFilter, LogMatcher } from "./log_filter.ts";
import type { Point } from "./points.ts";
import type { Abort, Change, Commit, HistoryRecord } from "./record.ts";

/** A record, or records that cannot be read. */
export type LogItem = HistoryRecord | DamagedBlock;

/** The records that a filter asks for, in order, or the newest first; null after each block without one. */
export function* log(
  history: History,
  filter: LogFilter,
  backwards = false,
): Generator<LogItem | null, void, void> {
  const matcher = new LogMatcher(filter);
  const blocks = (head: BlockHead): boolean => matcher.mayBeIn(head);
  for (const piece of readPieces(history, blocks, backwards, matcher.wantsPath)) {
    if (piece.damage !== null) yield piece.damage;
    const records = backwards ? piece.records.toReversed() : piece.records;
    for (const record of records) if (matcher.matches(record)) yield record;
    yield null;
  }
}

/** The last `count` records that a filter asks for, in order. */
export function* lastOfLog(history: History, filter: LogFilter, count: number): Steps<LogItem[]> {
  const found: LogItem[] = [];
  for (const item of log(history, filter, true)) {
    if (item === null) yield null;
    else if (found.push(item) >= count) break;
  }
  return found.reverse();
}

/** One record with all its parts, and what became of it. */
export interface Shown {
  /** None where it was folded into a later one, or pruned. */
  readonly records: readonly HistoryRecord[];
  /** The later records that count changes of it. */
  readonly later: readonly HistoryRecord[];
  /** Of an aborted transaction, the last commit before it that changed what it had seen; null where that is not there. */
  readonly cause: Commit | null;
}

/**
 * All that is known of one number.
 *
 * @throws {OutsideError} when it was pruned, or is not there yet; {@link DamagedBlock} when it cannot be read.
 */
export function* show(history: History, number: number): Steps<Shown> {
  checkWithin(history, number);
  const records: HistoryRecord[] = [], later: HistoryRecord[] = [];
  for (const piece of readPieces(history, ({ first, last }) => first <= number && number <= last)) {
    if (piece.damage !== null) throw piece.damage;
    for (const record of piece.records) {
      if (record.number === number) records.push(record);
      else if (record.number > number && firstOf(record) <= number) later.push(record);
    }
    yield null;
  }
  const abort = records.find((record) => record.type === "abort");
  const cause = abort === undefined ? null : yield* causeOf(history, abort);
  return { records, later, cause };
}

function firstOf(record: HistoryRecord): number {
  if (record.type !== "commit") return record.first;
  return record.changes.reduce((least, { first }) => Math.min(least, first), record.number);
}

/** A list of children changes when one of them comes or goes; all else by a change of the node itself. */
function* causeOf(history: History, abort: Abort): Steps<Commit | null> {
  const { facet, number, path } = abort;
  const isIt = (change: Change): boolean =>
    change.path === path ||
    (facet === "children" && parentPath(change.path) === path &&
      (change.old === null) !== (change.new === null));
  for (const { records } of readPieces(history, having(path), true)) {
    for (const record of records.toReversed()) {
      if (record.type !== "commit" || record.number >= number) continue;
      if (record.changes.some(isIt)) return record;
    }
    yield null;
  }
  return null;
}

/**
 * The number that a point means: the store was as after it at that moment.
 *
 * @throws {OutsideError} when the history does not reach there.
 */
export function* numberAt(history: History, point: Point): Steps<number> {
  switch (point.kind) {
    case "time":
      return yield* numberAtTime(history, point.at);
    case "commit":
      return yield* commitBefore(history, point.number, point.back);
    case "start":
      return yield* lastStart(history);
    case "boot":
      if (history.horizon?.number === 0) return 0;
      throw new OutsideError("the history does not reach back to the boot", true);
    case "turn":
      throw new OutsideError("turns are of a store file: name a commit (#N) or a time");
    default:
      return point satisfies never;
  }
}

/**
 * The last number that was given at or before a time. Of records that are counted in a later one the first counts, so that
 * the moment is known to be within them.
 */
function* numberAtTime(history: History, at: number): Steps<number> {
  const { horizon } = history;
  if (horizon === null) throw new OutsideError("the history has not begun yet");
  let found = -1;
  for (const { records } of readPieces(history, ({ fromAt }) => fromAt <= at)) {
    for (const record of records) found = Math.max(found, lastBefore(record, at));
    yield null;
  }
  if (found < 0 && horizon.at <= at) return horizon.number;
  if (found >= horizon.number) return found;
  const from = new Date(horizon.at / 1_000).toISOString();
  const text = `this point is too early: the history begins at ${from} (#${horizon.number})`;
  throw new OutsideError(text, true);
}

function lastBefore(record: HistoryRecord, at: number): number {
  if (record.at <= at) return record.number;
  if (record.type === "gap") return record.firstAt <= at ? record.first : -1;
  if (record.type === "abort") return -1;
  return record.changes.reduce(
    (last, { first, firstAt }) => firstAt <= at ? Math.max(last, first) : last,
    -1,
  );
}

/** The record with which the last daemon began. */
function* lastStart(history: History): Steps<number> {
  for (const { records } of readPieces(history, having("daemon"), true)) {
    const start = records.findLast((record) => record.type === "commit" && record.kind === "start");
    if (start !== undefined) return start.number;
    yield null;
  }
  throw new OutsideError("the history does not reach back to the daemon's start", true);
}

function* commitBefore(history: History, number: number, back: number): Steps<number> {
  checkWithin(history, number);
  let left = back, last = number;
  if (left === 0) return number;
  for (const piece of readPieces(history, ({ begin }) => begin < number, true)) {
    for (const record of piece.records.toReversed()) {
      if (record.number >= last || record.type !== "commit") continue;
      last = record.number;
      if (--left === 0) return last;
    }
    yield null;
  }
  const { horizon } = history;
  if (left === 1 && horizon !== null && horizon.number < last) return horizon.number;
  const text = `#${number}~${back} is before the history begins (#${horizon?.number})`;
  throw new OutsideError(text, true);
}
