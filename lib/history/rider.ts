/** How records get from a turn into the history, whatever dies in between. */
import type { Rider, RidingFrom } from "../journal/rider.ts";
import {
  HISTORY_NUMBERS_RESERVED,
  HISTORY_RIDING_PARTS_MAX,
  HISTORY_RIDING_RECORDS_MAX,
} from "../limits.ts";
import type { History } from "./history.ts";
import { countAuthor } from "./pending.ts";
import { type Author, type Gap, hasKeyframe, type HistoryRecord } from "./record.ts";
import { decodeRecords, RecordsEncoder } from "./record_bytes.ts";
import type { Recorder } from "./recorder.ts";

/** What a store remembers of its history, for when the history's file is lost. */
export interface Numbers {
  /** No number up to this one may be given again. */
  get(): number;
  /** Numbers up to this one may be given from now on; false when that cannot be noted now. */
  reserve(upTo: number): boolean;
}

/** Brings what a recorder takes down into a history. */
export class HistoryRider implements Rider {
  readonly #history: History;
  readonly #recorder: Recorder;
  readonly #numbers: Numbers;
  readonly #wall: () => number;
  /** Its own: to make room for what a turn carries, blocks may be written first. */
  readonly #encoder = new RecordsEncoder();
  #carried: readonly HistoryRecord[] = [];
  #reserved = 0;
  /** Called when the store after the last record is to be written down, before it changes again. */
  onKeyframe: () => void = () => {};

  constructor(history: History, recorder: Recorder, numbers: Numbers, wall: () => number) {
    this.#history = history;
    this.#recorder = recorder;
    this.#numbers = numbers;
    this.#wall = wall;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    this.#collect();
    const records = this.#carried;
    if (records.length === 0) return null;
    return this.#encoder.all(isMuch(records) ? [missingOf(records)] : records);
  }

  /** A commit that failed is tried again, with what the turn has had since. */
  #collect(): void {
    const records = this.#recorder.take();
    if (records.length === 0) return;
    this.#carried = this.#carried.length === 0 ? records : [...this.#carried, ...records];
  }

  committed(): void {
    this.#collect();
    const records = this.#carried;
    if (records.length === 0) return;
    this.#carried = [];
    this.#history.add(records);
    if (isMuch(records)) this.#history.save();
    const needsKeyframe = records.some(hasKeyframe) || this.#isNew(records[0]!);
    this.#recorder.back(records);
    if (needsKeyframe) this.onKeyframe();
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
    this.#reserve();
  }

  recover(bytes: Uint8Array): void {
    const records = decodeRecords(bytes), [first] = records, history = this.#history;
    if (first !== undefined) {
      const { at } = first, before = (first.type === "gap" ? first.first : first.number) - 1;
      // Turns carry nothing while a history cannot be used: how many commits they were nobody knows.
      if (history.last > 0 && before > history.last) history.skipTo(before, at, 0);
    }
    history.add(records);
  }

  /** As the last number that was given: so none of them is given twice. */
  get mark(): number {
    return this.#recorder.last;
  }

  begin({ alone, another, last, mark, unread }: RidingFrom): void {
    const history = this.#history, { turn } = history.era;
    if (turn === null) this.#skipTo(this.#numbers.get(), 0);
    else {
      const unseen = Math.max(0, unread - turn) + alone.filter((one) => one > turn).length;
      const missing = another ? Math.max(1, last - turn) : unseen;
      // A turn may have been several commits.
      if (missing > 0) this.#skipTo(Math.max(this.#numbers.get(), history.last + missing), missing);
    }
    const given = lastGiven(history.last, mark);
    if (given > history.last) this.#skipTo(given, given - history.last);
    this.#reserve();
    this.#recorder.begin(history.last);
  }

  #skipTo(number: number, count: number): void {
    this.#history.skipTo(number, this.#wall(), count);
  }

  #reserve(): void {
    if (this.#history.last + HISTORY_NUMBERS_RESERVED / 2 < this.#reserved) return;
    const upTo = this.#history.last + HISTORY_NUMBERS_RESERVED;
    if (this.#numbers.reserve(upTo)) this.#reserved = upTo;
  }
}

/** The last number that was given, if `known` is, and its lower 32 bits are `mark`. */
export function lastGiven(known: number, mark: number): number {
  return known + Math.max(0, mark - known | 0);
}

/** Whether so much was done in one turn that the journal is not to have it. */
function isMuch(records: readonly HistoryRecord[]): boolean {
  if (records.length > HISTORY_RIDING_RECORDS_MAX) return true;
  if (records.length <= HISTORY_RIDING_PARTS_MAX) return false;
  let parts = 0;
  for (let i = 1; i < records.length; i++) {
    if (records[i]!.number === records[i - 1]!.number) parts++;
  }
  return parts > HISTORY_RIDING_PARTS_MAX;
}

/** What is missing if these are. */
function missingOf(records: readonly HistoryRecord[]): Gap {
  const { at: firstAt, number: first } = records[0]!, { at, number } = records.at(-1)!;
  const missing: { author: Author; count: number }[] = [];
  for (const [i, record] of records.entries()) {
    const isPart = record.number === records[i - 1]?.number;
    if (record.type !== "gap" && !isPart) countAuthor(missing, record.author);
  }
  return { type: "gap", number, at, first, firstAt, missing };
}
