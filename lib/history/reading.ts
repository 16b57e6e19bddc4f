/** Reads a history piece by piece, while it goes on: between two pieces records may come, be folded or be pruned. */
import { DamagedError } from "../codec/journal/byte_reader.ts";
import { type BlockHead, type Blocks, DamagedBlock } from "./blocks.ts";
import { mayHave } from "./filter.ts";
import type { History } from "./history.ts";
import type { KeyframeHead, Keyframes } from "./keyframes.ts";
import { Moment } from "./moment.ts";
import type { HistoryRecord } from "./record.ts";
import type { WantsPath } from "./record_reader.ts";
import { Scope } from "./scope.ts";

/** Records that follow each other, or what is damaged in their place. */
export interface Piece {
  readonly records: readonly HistoryRecord[];
  readonly damage: DamagedBlock | null;
}

/** Of which blocks a query needs the records; false is sure. */
export type BlockFilter = (head: BlockHead) => boolean;

/** Blocks that may have something at or below a path, or of an author's key. */
export function having(...keys: readonly string[]): BlockFilter {
  return ({ filter }) => keys.every((key) => mayHave(filter, key));
}

/** A query does one step, and goes on when it is asked to. */
export type Steps<T> = Generator<null, T, void>;

/**
 * The blocks of a history in order, and what is behind them; or backwards. One a step: a block that is pruned meanwhile is
 * left out, and what is recorded meanwhile is read as well, unless that goes backwards. Records that touch no path which `wantsPath` says may be left out.
 */
export function* readPieces(
  history: History,
  wants: BlockFilter,
  backwards = false,
  wantsPath: WantsPath | null = null,
): Generator<Piece, void, void> {
  const { blocks, era: { era } } = history;
  if (backwards) yield { records: [...history.latest], damage: null };
  let at = backwards ? history.growing : 0;
  for (;;) {
    const head = blocks.neighbour(at, backwards);
    if (head === null || head.block >= history.growing) break;
    at = head.block;
    if (head.era === era && wants(head)) yield pieceOf(() => blocks.read(head, wantsPath));
  }
  if (!backwards) yield { records: history.latest, damage: null };
}

/** The same blocks as they are now: it reads the bytes of all at once, and decodes them one by one, also when they are gone by then. */
function holdPieces(
  { blocks, era: { era }, growing, latest }: History,
  wants: BlockFilter,
  wantsPath: WantsPath | null,
): Iterable<Piece> {
  const wanted = blocks.heads.filter((head) =>
    head.era === era && head.block < growing && wants(head)
  );
  const held = wanted.map((head) => blocks.hold(head)), rest = [...latest];
  return decoded(held, rest, wantsPath);
}

function* decoded(
  held: readonly ReturnType<Blocks["hold"]>[],
  rest: readonly HistoryRecord[],
  wantsPath: WantsPath | null,
): Generator<Piece, void, void> {
  for (const read of held) yield pieceOf(() => read(wantsPath));
  yield { records: rest, damage: null };
}

function pieceOf(read: () => HistoryRecord[]): Piece {
  try {
    return { records: read(), damage: null };
  } catch (error) {
    if (error instanceof DamagedBlock) return { records: [], damage: error };
    throw error;
  }
}

/** A point that is not in the history. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";

  constructor(
    message: string,
    /** It lies before the history's beginning; else it is none, or none yet. */
    readonly isBefore: boolean = false,
  ) {
    super(message);
  }
}

/** Tries to rebuild a moment block by block. Each fails if records are pruned meanwhile; then all bytes are read at once. */
const TRIES = 3;

/**
 * The store after number `number`, or as much of it as is asked for.
 *
 * @throws {OutsideError} when the history begins later, or has not come so far.
 */
export function* momentAt(
  history: History,
  number: number,
  scope: Scope = Scope.ALL,
): Steps<Moment> {
  for (let tries = 0;; tries++) {
    const { revision } = history, isHeld = tries === TRIES;
    const steps = rebuild(history, number, scope, isHeld);
    let step = steps.next();
    while (step.done !== true && (isHeld || history.revision === revision)) {
      yield null;
      if (isHeld || history.revision === revision) step = steps.next();
    }
    if (step.done === true) return step.value;
  }
}

function* rebuild(
  history: History,
  number: number,
  scope: Scope,
  isHeld: boolean,
): Steps<Moment> {
  const { era: { era }, keyframes } = history;
  const base = keyframes.before(era, number);
  checkWithin(history, number);
  const moment = new Moment(number, [], history.thinned, scope);
  const next = keyframes.heads.find((head) => head.era === era && head.number > number);
  const end = next?.number ?? Infinity;
  const from = base?.number ?? 0;
  // Nothing that is folded goes over a keyframe.
  const wants = ({ begin, last }: BlockHead): boolean => last > from && begin <= end;
  const wantsPath = scope === Scope.ALL ? null : (path: string) => scope.has(path);
  const pieces = isHeld
    ? holdPieces(history, wants, wantsPath)
    : readPieces(history, wants, false, wantsPath);
  if (base === null || !base.isWhole) moment.lose(from, end);
  else yield* readBase(keyframes.read(base, scope, isHeld), base, moment, end);
  for (const { damage, records } of pieces) {
    if (damage !== null) moment.lose(damage.head.begin, end);
    const later = records.filter((record) => record.number > from && record.number <= end);
    if (!later.every((record) => moment.add(record))) break;
    yield null;
  }
  return moment;
}

function* readBase(
  rows: ReturnType<Keyframes["read"]>,
  base: KeyframeHead,
  moment: Moment,
  end: number,
): Steps<void> {
  try {
    for (const nodes of rows) {
      for (const [path, node] of nodes) moment.nodes.set(path, node);
      yield null;
    }
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    moment.lose(base.number, end);
  }
}

/** @throws {OutsideError} when a number is not one of the history's. */
export function checkWithin(history: History, number: number): void {
  const { horizon, last } = history;
  if (horizon === null) throw new OutsideError("the history has not begun yet");
  if (number < horizon.number) {
    const text = `#${number} was pruned: the history begins after #${horizon.number}`;
    throw new OutsideError(text, true);
  }
  if (number > last) throw new OutsideError(`there is no #${number} yet: the last is #${last}`);
}
