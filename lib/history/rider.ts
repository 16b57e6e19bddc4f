/** How records get from a turn into the history, whatever dies in between. */
import type { Rider, RidingFrom } from "../journal/rider.ts";
import { HISTORY_RIDING_PARTS_MAX, HISTORY_RIDING_RECORDS_MAX } from "../limits.ts";
import type { History } from "./history.ts";
import { countRecord } from "./pending.ts";
import { type Author, type Gap, hasKeyframe, type HistoryRecord } from "./record.ts";
import type { Recorder } from "./recorder.ts";
import { type Numbers, ReservedNumbers } from "./reserved_numbers.ts";
import { firstIn, RideEncoder } from "./ride_bytes.ts";
import { type FindNode, missingTurns, recoverRides } from "./ride_recovery.ts";

/** No records. A turn that has some brings its own array. */
const NONE: HistoryRecord[] = [];

/** Brings what a recorder takes down into a history. */
export class HistoryRider implements Omit<Rider, "recover" | "begin"> {
  readonly #history: History;
  readonly #recorder: Recorder;
  readonly #numbers: Numbers;
  readonly #wall: () => number;
  readonly #encoder: RideEncoder;
  #carried: HistoryRecord[] = NONE;
  /** Whether each of the carried records is a commit of one change, as in most turns. */
  #isPlain = true;
  readonly #reserved: ReservedNumbers;
  /** Called when the store after the last record is to be written down, before it changes again. */
  onKeyframe: () => void = () => {};

  constructor(history: History, recorder: Recorder, numbers: Numbers, wall: () => number) {
    this.#history = history;
    this.#encoder = new RideEncoder(history.folds);
    this.#recorder = recorder;
    recorder.folds = history.folds;
    this.#numbers = numbers;
    this.#reserved = new ReservedNumbers(numbers);
    this.#wall = wall;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    this.#collect();
    const records = this.#carried;
    if (records.length === 0) return null;
    const isMissing = this.#isMuch(records);
    // Later the store no longer tells what the last repetition of each path left.
    if (isMissing || this.#hasKeyframe(records)) this.#history.save();
    return this.#encoder.encode(isMissing ? [missingOf(records)] : records);
  }

  /** A commit that failed is tried again, with what the turn has had since. */
  #collect(): void {
    const { isPlain } = this.#recorder, records = this.#recorder.take();
    if (records.length === 0) return;
    this.#isPlain &&= isPlain;
    this.#carried = this.#carried.length === 0 ? records : [...this.#carried, ...records];
  }

  committed(isCarried: boolean): void {
    this.#collect();
    const records = this.#carried;
    if (records.length === 0) return;
    if (isCarried) this.#encoder.carried();
    else this.#encoder.restart();
    this.#carried = NONE;
    this.#history.add(records);
    if (this.#isMuch(records)) this.#history.save();
    const needsKeyframe = this.#hasKeyframe(records) || this.#isNew(records[0]!);
    this.#isPlain = true;
    this.#recorder.back(records);
    if (needsKeyframe) this.onKeyframe();
  }

  #hasKeyframe(records: readonly HistoryRecord[]): boolean {
    return !this.#isPlain && records.some(hasKeyframe);
  }

  /** Whether so much was done in one turn that the journal does not take it. */
  #isMuch(records: readonly HistoryRecord[]): boolean {
    if (records.length > HISTORY_RIDING_RECORDS_MAX) return true;
    if (this.#isPlain || records.length <= HISTORY_RIDING_PARTS_MAX) return false;
    let parts = 0;
    for (let i = 1; i < records.length; i++) {
      if (records[i]!.number === records[i - 1]!.number) parts++;
    }
    return parts > HISTORY_RIDING_PARTS_MAX;
  }

  /** A history begins with the store's first record. */
  #isNew(record: HistoryRecord): boolean {
    return record.type === "commit" && record.kind === "start" && this.#history.needsKeyframe;
  }

  /** Gives up memory that is only kept for reuse. */
  dropSpare(): void {
    this.#encoder.dropSpare();
  }

  settle(turn: number): void {
    // What cannot be written stays in memory for a while; a death then leaves a gap, by the numbers.
    this.#history.save(turn);
    this.#encoder.restart();
    this.#reserved.keepAhead(this.#history.last);
  }

  /** Takes what the turns of a dead daemon carried, in order. `find` reads the store that they led to; null if that has changed since. */
  recover(rides: Iterable<Uint8Array>, find: FindNode | null): void {
    recoverRides(rides, this.#history, find);
  }

  get at(): number {
    return this.#recorder.at;
  }

  /** The last number that was given, so that no number is given twice. */
  get mark(): number {
    return this.#recorder.last;
  }

  /** Takes what a dead daemon's turns carried ({@link recover}); from now on turns come. */
  begin(from: RidingFrom, rides: Iterable<Uint8Array>, find: FindNode): void {
    const history = this.#history, missing = missingTurns(history, from);
    this.recover(rides, missing === 0 ? find : null);
    const reserved = this.#numbers.get();
    if (history.era.turn === null) this.#skipTo(reserved, 0);
    // A turn may have been several commits.
    else if (missing > 0) this.#skipTo(Math.max(reserved, history.last + missing), missing);
    const given = lastGiven(history.last, from.mark);
    if (given > history.last) this.#skipTo(given, given - history.last);
    this.#reserved.keepAhead(this.#history.last);
    this.#recorder.begin(history.last);
  }

  #skipTo(number: number, count: number): void {
    this.#history.skipTo(number, this.#wall(), count);
  }
}

/** The last number that was given: `known` or a later one, whose lower 32 bits are `mark`. */
export function lastGiven(known: number, mark: number): number {
  return known + Math.max(0, mark - known | 0);
}

/** What is missing if these are. */
function missingOf(records: readonly HistoryRecord[]): Gap {
  const [begin] = records, { at: firstAt } = begin!, first = firstIn(begin!);
  const { at, number } = records.at(-1)!;
  const missing: { author: Author; count: number }[] = [];
  for (const [i, record] of records.entries()) {
    const isPart = record.number === records[i - 1]?.number;
    if (!isPart) countRecord(missing, record);
  }
  return { type: "gap", number, at, first, firstAt, missing };
}
