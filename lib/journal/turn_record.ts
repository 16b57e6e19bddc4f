import { putBytes } from "../wire/text.ts";
import { checksumAt } from "./checksum.ts";

/**
 * How turns lie one behind the other, in the tail and in the rows of the store file. A record:
 * XXH32 of the rest (u32), length of the changes (u32), turn (f64), when (f64, ms since 1970), the
 * changes, anything up to a multiple of 8. Little endian throughout.
 */
const HEADER_BYTES = 24;
/** The seed of that hash, so that zeros are no record. */
const SUM_START = 0x7461696c;

/** One turn as it was committed. */
export interface TurnRecord {
  readonly turn: number;
  /** When, in ms since 1970. */
  readonly at: number;
  /** A view, valid as long as the bytes that it was read from. */
  readonly changes: Uint8Array;
}

/** Bytes of the record of a turn with `length` bytes of changes. */
export function recordBytes(length: number): number {
  return HEADER_BYTES + (length + 7 & ~7);
}

/** Memory with records, as bytes, as numbers and as words. */
export class RecordMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly words: Int32Array<ArrayBuffer>;

  constructor(buffer: ArrayBuffer, byteOffset = 0, length: number = buffer.byteLength) {
    this.bytes = new Uint8Array(buffer, byteOffset, length);
    this.view = new DataView(buffer, byteOffset, length);
    this.words = new Int32Array(buffer, byteOffset, length >>> 2);
  }

  /** Takes the bytes of a row of the store file, or of a tail file; it copies them if they are not aligned. */
  static of(bytes: Uint8Array): RecordMemory {
    const { buffer, byteOffset, length } = bytes;
    const isAligned = (byteOffset & 3) === 0 && buffer instanceof ArrayBuffer;
    return isAligned
      ? new RecordMemory(buffer, byteOffset, length)
      : new RecordMemory(bytes.slice().buffer);
  }
}

/** Writes a record at `at`, a multiple of 8 at which there is room for it. */
export function putRecord(
  memory: RecordMemory,
  at: number,
  turn: number,
  when: number,
  changes: Uint8Array,
): void {
  const { bytes, view } = memory;
  view.setUint32(at + 4, changes.length, true);
  view.setFloat64(at + 8, turn, true);
  view.setFloat64(at + 16, when, true);
  putBytes(bytes, at + HEADER_BYTES, changes);
  view.setUint32(at, sumOf(memory, at, changes.length), true);
}

/** The record at `at`, or null when it is not whole before `end`, or not what was written. */
export function readRecord(memory: RecordMemory, at: number, end: number): TurnRecord | null {
  const { bytes, view } = memory;
  if (at + HEADER_BYTES > end) return null;
  const length = view.getUint32(at + 4, true);
  const from = at + HEADER_BYTES;
  if (length > end - from || sumOf(memory, at, length) !== view.getUint32(at, true)) return null;
  const changes = bytes.subarray(from, from + length);
  return { turn: view.getFloat64(at + 8, true), at: view.getFloat64(at + 16, true), changes };
}

/**
 * What rides with turn `turn` (rider.ts) is a record of its own behind the turn's, with this number: a reader that knows of no
 * riders takes it for an old turn and passes it over. The same of that number is the turn again.
 */
export function riderNumber(turn: number): number {
  return -1 - turn;
}

/** Whether a record of that number is what rides with a turn. */
export function isRider(number: number): boolean {
  return number < 0;
}

/** The number of the turn whose record is at `at`. */
export function turnAt(view: DataView, at: number): number {
  return view.getFloat64(at + 8, true);
}

/** Where the record behind the one at `at` begins. */
export function nextRecord(view: DataView, at: number): number {
  return at + recordBytes(view.getUint32(at + 4, true));
}

/** The XXH32 of the record at `at`, of `length` bytes of changes. */
function sumOf({ bytes, words }: RecordMemory, at: number, length: number): number {
  return checksumAt(bytes, words, at + 4, HEADER_BYTES - 4 + length, SUM_START);
}
