/** What a history answers, piece by piece: the same from a daemon and from a file. */
import { DamagedError } from "../codec/journal/byte_reader.ts";
import { HISTORY_ROWS_MAX } from "../limits.ts";
import { type Blame, blame } from "./blame.ts";
import { DamagedBlock } from "./blocks.ts";
import type { History } from "./history.ts";
import type { LogFilter } from "./log_filter.ts";
import type { Moment, Unknown } from "./moment.ts";
import type { Point } from "./points.ts";
import { lastOfLog, log, type LogItem, numberAt, show } from "./queries.ts";
import type { AtQuery, BlameQuery, LogQuery, Query, ShowQuery } from "./query.ts";
import { momentAt, OutsideError, type Steps } from "./reading.ts";
import type { Commit, HistoryRecord, NodeState } from "./record.ts";
import { isWithin, Scope } from "./scope.ts";

/** What is known of the history as a whole. It comes first; in a log it comes again when it has changed meanwhile. */
export interface Head {
  readonly type: "head";
  /** The commit with which it begins, and when that was, in microseconds since 1970. */
  readonly begins: { readonly number: number; readonly at: number };
  /** All records behind this number are there as they were written, and the last one was no later than that. */
  readonly completeAfter: number;
  readonly completeAt: number;
  readonly last: number;
  /** What the point in the query means: of a log, the first number that is asked for. */
  readonly number: number;
}

/** Records that cannot be read. */
export interface Damage {
  readonly type: "damage";
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** A record: asked for, one that counts it, or what it gave way to. */
export interface RecordAnswer {
  readonly type: "record";
  readonly role: "asked" | "later" | "cause";
  readonly record: HistoryRecord;
}

/** A node as it was. */
export interface NodeThen {
  readonly type: "node";
  readonly path: string;
  readonly node: NodeState;
}

/** Who gave a path what it has, or removed it: the commit has only what it did there. */
export interface Blamed extends Blame {
  readonly type: "blame";
}

/** Why there is no more, for people. */
export interface Failure {
  readonly type: "failure";
  readonly text: string;
}

export type Answer =
  | Head
  | Damage
  | RecordAnswer
  | NodeThen
  | Blamed
  | Failure
  | { readonly type: "unknown" } & Unknown;

type Answers = Generator<Answer | null, void, void>;

/** Answers a query, the head first; null between two steps without anything. */
export function* answer(history: History, query: Query): Answers {
  try {
    yield* answerTo(history, query);
  } catch (error) {
    const isExpected = error instanceof OutsideError || error instanceof DamagedError;
    if (!isExpected) throw error;
    yield { type: "failure", text: error.message };
  }
}

function answerTo(history: History, query: Query): Answers {
  switch (query.kind) {
    case "log":
      return answerLog(history, query);
    case "show":
      return answerShow(history, query);
    case "blame":
      return answerBlame(history, query);
    case "at":
      return answerAt(history, query);
  }
}

/** @throws {OutsideError} when it has not begun. */
function headOf(history: History, number: number): Head {
  const { era: { era }, horizon, last } = history;
  if (horizon === null) throw new OutsideError("the history has not begun yet");
  const completeAfter = completeAfterOf(history);
  const begins = { number: horizon.number, at: horizon.at };
  const complete = history.blocks.heads.find((head) =>
    head.era === era && head.last >= completeAfter
  );
  const completeAt = completeAfter <= horizon.number
    ? horizon.at
    : complete?.toAt ?? history.latest[0]?.at ?? horizon.at;
  return { type: "head", begins, completeAfter, completeAt, last, number };
}

function completeAfterOf({ era, horizon }: History): number {
  return Math.max(era.completeAfter, horizon?.number ?? 0);
}

/** Answers a log. If records are folded or pruned before they are read, it gives the head again. */
function* answerLog(history: History, query: LogQuery): Answers {
  const { backwards, filter: { since = 0, until = Infinity, ...others }, last } = query;
  const from = Math.max(since, yield* firstSince(history, query.since));
  const to = query.until === null ? Infinity : yield* numberAt(history, query.until);
  const filter: LogFilter = { ...others, since: from, until: Math.min(until, to) };
  yield headOf(history, from);
  let completeAfter = completeAfterOf(history), read = 0;
  const hasLostMore = (): boolean => {
    const before = completeAfter;
    completeAfter = completeAfterOf(history);
    return completeAfter > before && completeAfter > read;
  };
  if (last === null) {
    for (const item of log(history, filter, backwards)) {
      if (hasLostMore()) yield headOf(history, from);
      if (item !== null && "number" in item && !backwards) read = item.number;
      yield item === null ? null : answerOf(item);
    }
    return;
  }
  if (last > HISTORY_ROWS_MAX) throw tooMany();
  const found = last === 0 ? [] : yield* lastOfLog(history, filter, last);
  if (hasLostMore()) yield headOf(history, from);
  for (const item of backwards ? found.reverse() : found) yield answerOf(item);
}

/** A commit is part of what came since it; all else is a moment behind which that begins. */
function* firstSince(
  history: History,
  point: Point | null,
): Steps<number> {
  if (point === null) return 0;
  try {
    const number = yield* numberAt(history, point);
    return point.kind === "commit" ? number : number + 1;
  } catch (error) {
    // What is left of that time is asked for.
    if (error instanceof OutsideError && error.isBefore) return 0;
    throw error;
  }
}

function answerOf(item: LogItem): Damage | RecordAnswer {
  if (!(item instanceof DamagedBlock)) return { type: "record", role: "asked", record: item };
  const { head: { first, last }, message: text } = item;
  return { type: "damage", first, last, text };
}

function* answerShow(history: History, { point }: ShowQuery): Answers {
  const number = yield* numberAt(history, point);
  yield headOf(history, number);
  const { cause, later, records } = yield* show(history, number);
  for (const record of records) yield { type: "record", role: "asked", record };
  for (const record of later) yield { type: "record", role: "later", record };
  if (cause !== null) yield { type: "record", role: "cause", record: cause };
}

function* answerBlame(history: History, query: BlameQuery): Answers {
  const { at, deleted, path: top, recursive } = query;
  const number = at === null ? history.last : yield* numberAt(history, at);
  yield headOf(history, number);
  const moment = yield* blamedOnes(blame(history, top, number, { deleted, recursive }));
  yield* unknownsOf(moment, top, recursive ? null : 0);
}

function* blamedOnes(steps: ReturnType<typeof blame>): Generator<Blamed | null, Moment, void> {
  for (let count = 0;;) {
    const { done, value: found } = steps.next();
    if (done === true) return found;
    if (found !== null && ++count > HISTORY_ROWS_MAX) throw tooMany();
    yield found && { type: "blame", ...found, commit: partOf(found.commit, found.path) };
  }
}

/** The inexact paths of a moment, at `top` and down to `levels` below it. */
function* unknownsOf(moment: Moment, top: string, levels: number | null): Answers {
  for (const unknown of moment.unknowns(top)) {
    if (isWithin(unknown.path, top, levels)) yield { type: "unknown", ...unknown };
  }
}

function partOf(commit: Commit | null, path: string): Commit | null {
  if (commit === null) return null;
  return { ...commit, changes: commit.changes.filter((change) => change.path === path) };
}

function tooMany(): OutsideError {
  return new OutsideError(`more than ${HISTORY_ROWS_MAX} rows (ask for less)`);
}

const NODES_A_STEP = 1_024;

function* answerAt(history: History, { at, levels, tops }: AtQuery): Answers {
  const number = yield* numberAt(history, at);
  yield headOf(history, number);
  const moment = yield* momentAt(history, number, new Scope(tops, levels));
  let given = 0;
  for (const [path, node] of moment.nodes) {
    if (++given % NODES_A_STEP === 0) yield null;
    yield { type: "node", path, node };
  }
  for (const top of tops) yield* unknownsOf(moment, top, levels);
}
