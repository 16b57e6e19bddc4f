/**
 * What rides with one turn of the journal, as bytes. In a flood most commits change a path that the same author has just changed, and
 * are folded: such a commit rides as a repetition, with the id of the earlier record, some four bytes long. So these bytes build on
 * those of earlier turns, back to the last one that begins a series.
 *
 *     u8      RIDE_FORMAT
 *     u8      1: it begins a series, with new ids, and does not build on earlier turns
 *     f64     number of the first record
 *     f64     when that was, and all repetitions
 *     varint  id of the first whole record; each one after that has the next id
 *     varint  how many records follow, for each of which:
 *     varint    0: the next whole record; else a repetition of the record with this id, followed by
 *     u8        its kind, plus 128 if it repeats the record several times, and is of the last time
 *     varint    its operations
 *     varint    how often, if several times
 *     ...     the whole records (record_bytes.ts); nothing where there are none
 */
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { KINDS } from "./kinds.ts";
import type { Folds } from "./folds.ts";
import { OneChange } from "./one_change.ts";
import { TextsOut } from "./node_bytes.ts";
import type { HistoryRecord, Kind } from "./record.ts";
import { RECORD_FORMAT, RecordsEncoder } from "./record_bytes.ts";
import { decodeRecords } from "./record_reader.ts";
import { readVarint, VARINT_ROOM, varintAt } from "./varint.ts";

/** The first byte. Before there were repetitions, it was {@link RECORD_FORMAT}. */
const RIDE_FORMAT = 0x52;

const FIRST_CAPACITY = 4_096;
/** Added to the kind of several repetitions. */
const SEVERAL = 0x80;
/** Room for an id, a kind, a number of operations, and how often. */
const REPETITION_ROOM = 3 * VARINT_ROOM + 1;

/** Encodes what rides with turns, one after the other. */
export class RideEncoder {
  readonly #to = new ByteWriter(FIRST_CAPACITY);
  readonly #records = new RecordsEncoder(new TextsOut());
  readonly #whole: HistoryRecord[] = [];
  /** Ids of other series are not valid any more. */
  #series = 1;
  #begins = true;
  /** How often the history had been saved when the last bytes were made. */
  #saves = 0;
  #lastId = 0;
  /** The last id, once the bytes are in the journal. */
  #nextLastId = 0;

  constructor(private readonly folds: Folds) {}

  /** The next bytes do not build on earlier ones. */
  restart(): void {
    this.#series++;
    this.#begins = true;
    this.#lastId = 0;
  }

  /** The bytes of the last {@link encode} are in the journal: later ones may build on them. */
  carried(): void {
    this.#begins = false;
    this.#lastId = this.#nextLastId;
  }

  /** Gives up memory that only large turns needed. */
  dropSpare(): void {
    this.#records.dropSpare();
    this.#to.clear();
    this.#to.dropSpare();
  }

  /** The bytes of the next turn, valid until the next call. There is at least one record. */
  encode(records: readonly HistoryRecord[]): Uint8Array<ArrayBuffer> {
    // A record that is in the file is never repeated: so after a death all repetitions of a series count, or none.
    if (this.folds.saves !== this.#saves) this.restart();
    this.#saves = this.folds.saves;
    const to = this.#to, { at } = records[0]!, number = firstIn(records[0]!), whole = this.#whole;
    this.#nextLastId = this.#lastId;
    to.clear();
    to.u8(RIDE_FORMAT);
    to.u8(this.#begins ? 1 : 0);
    to.count(number);
    to.count(at);
    to.wrote(varintAt(to.room(VARINT_ROOM), to.length, this.#lastId + 1));
    to.wrote(varintAt(to.room(VARINT_ROOM), to.length, records.length));
    let isSimple = true, expected = number;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      if (!(record instanceof OneChange)) {
        this.#putWhole(record);
        // It may change a path that a later record changes, too.
        isSimple = false;
      } else this.#putOne(record, isSimple && record.at === at && firstIn(record) === expected);
      expected = record.number + 1;
    }
    if (whole.length === 0) return to.written;
    to.raw(this.#records.all(whole));
    // The recorder uses them again.
    whole.length = 0;
    return to.written;
  }

  #putOne(record: OneChange, mayRepeat: boolean): void {
    const last = this.folds.lastFor(record);
    if (last !== null) {
      const id = mayRepeat && record.isHidden === false ? last.idIn(this.#series) : 0;
      if (id > 0 && this.folds.isFolded(record, last)) return this.#putRepetition(record, id);
      // From now on the path's last record is this one.
      last.setId(this.#series, 0);
    }
    this.#putWhole(record);
    record.setId(this.#series, this.#nextLastId);
  }

  #putRepetition(record: OneChange, id: number): void {
    const to = this.#to, bytes = to.room(REPETITION_ROOM), [{ count }] = record.changes;
    let at = varintAt(bytes, to.length, id);
    bytes[at++] = KINDS.indexOf(record.kind) | (count > 1 ? SEVERAL : 0);
    at = varintAt(bytes, at, record.operations);
    to.wrote(count > 1 ? varintAt(bytes, at, count) : at);
    record.setId(this.#series, 0);
  }

  #putWhole(record: HistoryRecord): void {
    this.#to.u8(0);
    this.#whole.push(record);
    this.#nextLastId++;
  }
}

/** The number of the first commit that a record stands for. A turn's commits follow each other. */
export function firstIn(record: HistoryRecord): number {
  return record instanceof OneChange ? record.changes[0].first : record.number;
}

/** Commits that change the same path as an earlier one, with the same author. */
export interface Repetition {
  readonly id: number;
  /** How many they are. */
  readonly count: number;
  /** Of the last one. */
  readonly number: number;
  readonly kind: Kind;
  readonly operations: number;
}

/** What rode with one turn. */
export interface Ride {
  /** It does not build on earlier turns. */
  readonly begins: boolean;
  /** The first number, and the time of the repetitions. */
  readonly first: number;
  readonly at: number;
  /** The id of the first whole record. */
  readonly firstId: number;
  readonly items: readonly (HistoryRecord | Repetition)[];
}

/** @throws {DamagedError} for bytes that no {@link RideEncoder} wrote, nor an older version. */
export function decodeRide(bytes: Uint8Array): Ride {
  if (bytes[0] === RECORD_FORMAT) return rideOf(decodeRecords(bytes));
  const from = new ByteReader(bytes);
  const format = from.u8();
  if (format !== RIDE_FORMAT) {
    throw new DamagedError(`a turn's records of format ${format}: this xs reads ${RIDE_FORMAT}`);
  }
  const begins = from.u8() === 1, first = from.count(), at = from.count();
  const firstId = readVarint(from), places: (Omit<Repetition, "number"> | null)[] = [];
  for (let left = readVarint(from); left > 0; left--) places.push(readPlace(from));
  const whole = from.atEnd ? [] : decodeRecords(bytes.subarray(from.at));
  if (places.filter((one) => one === null).length !== whole.length) {
    throw new DamagedError("a turn says a wrong number of records");
  }
  const items: (HistoryRecord | Repetition)[] = [];
  let next = 0, number = first - 1;
  for (const place of places) {
    const item = place === null ? whole[next++]! : { ...place, number: number + place.count };
    number = item.number;
    items.push(item);
  }
  return { begins, first, at, firstId, items };
}

function readPlace(from: ByteReader): Omit<Repetition, "number"> | null {
  const id = readVarint(from);
  if (id === 0) return null;
  const position = from.u8(), kind = KINDS[position & ~SEVERAL];
  if (kind === undefined) throw new DamagedError("a repetition has an unknown kind");
  const operations = readVarint(from), count = position < SEVERAL ? 1 : readVarint(from);
  if (count === 0) throw new DamagedError("a repetition happened no times");
  return { id, kind, operations, count };
}

/** Records that an older version wrote. */
function rideOf(records: readonly HistoryRecord[]): Ride {
  const { at, number: first } = records[0] ?? { at: 0, number: 0 };
  return { begins: true, first, at, firstId: 1, items: records };
}
