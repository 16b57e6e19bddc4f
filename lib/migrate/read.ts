import { type PlacedRecord, StreamReader } from "./decode.ts";
import { detectFormat } from "./detect.ts";
import type { MigrationRecord, MigrationStream } from "./records.ts";

/** A stream as it was read, with where each record was found. */
export interface DecodedStream extends MigrationStream {
  /** Of each record, its offset in the file. */
  readonly offsets: readonly number[];
  /** Of each record, its number, from 1; records that were skipped count. */
  readonly numbers: readonly number[];
  /** In words, what the file said that these records have no place for, or could not say. */
  readonly notes: readonly string[];
}

/**
 * The records of a file of any format, one by one.
 * @throws {StreamError} from the first record on that the bytes do not give
 */
export function* readRecords(bytes: Uint8Array): Generator<PlacedRecord, void> {
  detectFormat(bytes);
  const reader = new StreamReader(bytes);
  for (let record = reader.next(); record !== null; record = reader.next()) {
    yield { record, offset: reader.offset, number: reader.number };
  }
}

/**
 * All records of a file of any format.
 * @throws {StreamError} when the bytes are none
 */
export function decodeStream(bytes: Uint8Array): DecodedStream {
  const { format, version, endian } = detectFormat(bytes);
  const reader = new StreamReader(bytes);
  const records: MigrationRecord[] = [], offsets: number[] = [], numbers: number[] = [];
  for (let record = reader.next(); record !== null; record = reader.next()) {
    records.push(record);
    offsets.push(reader.offset);
    numbers.push(reader.number);
  }
  const skipped = [...reader.skipped], notes = [...reader.notes];
  return { format, version, endian, records, skipped, offsets, numbers, notes };
}
