import { type PlacedRecord, StreamReader } from "./decode.ts";
import { type Detected, detectFormat } from "./detect.ts";
import { readDraft } from "./draft_2020.ts";
import { OxenstoredBinaryReader } from "./oxenstored_binary.ts";
import { type OlderStream, readOxenstoredText, TEXT_HEADER } from "./oxenstored_text.ts";
import type { MigrationRecord, MigrationStream } from "./records.ts";
import { toText } from "../wire/text.ts";

/** A stream as it was read, with where each record was found. */
export interface DecodedStream extends MigrationStream {
  /** Of each record, its offset in the file. */
  readonly offsets: readonly number[];
  /**
   * Of each record, its number in the file, from 1; records that were skipped count. In a text
   * dump it is the number of the line.
   */
  readonly numbers: readonly number[];
  /** In words, what the file said that these records have no place for, or could not say. */
  readonly notes: readonly string[];
}

/** Reads a file of some format; what was skipped is known when all its records are. */
interface RecordReader {
  readonly skipped: Iterable<number>;
  readonly notes: Iterable<string>;
  next(): PlacedRecord | null;
}

/**
 * The records of a file of any format, one by one.
 * @throws {StreamError} from the first record on that the bytes do not give
 */
export function* readRecords(bytes: Uint8Array): Generator<PlacedRecord, void> {
  const reader = open(bytes, detectFormat(bytes));
  for (let placed = reader.next(); placed !== null; placed = reader.next()) yield placed;
}

/**
 * All records of a file of any format.
 * @throws {StreamError} when the bytes are none
 */
export function decodeStream(bytes: Uint8Array): DecodedStream {
  const detected = detectFormat(bytes);
  const reader = open(bytes, detected);
  const records: MigrationRecord[] = [], offsets: number[] = [], numbers: number[] = [];
  for (let placed = reader.next(); placed !== null; placed = reader.next()) {
    records.push(placed.record);
    offsets.push(placed.offset);
    numbers.push(placed.number);
  }
  const skipped = [...reader.skipped], notes = [...reader.notes];
  return { ...detected, records, skipped, offsets, numbers, notes };
}

function open(bytes: Uint8Array, { format, endian }: Detected): RecordReader {
  switch (format) {
    case "stream":
      return new StreamReader(bytes);
    case "oxenstored-binary":
      return new OxenstoredBinaryReader(bytes);
    case "oxenstored-text":
      return new ListReader(readOxenstoredText(bytes));
    case "draft-2020":
      return new ListReader(readDraft(bytes, endian));
  }
}

/** Whether the first record of a file is had only when all of it has been read. */
export function isReadAtOnce(bytes: Uint8Array): boolean {
  return toText(bytes, 0, Math.min(bytes.length, TEXT_HEADER.length)) === TEXT_HEADER;
}

/** Gives one by one what could only be read as a whole. */
class ListReader implements RecordReader {
  readonly skipped: readonly number[] = [];
  readonly notes: readonly string[];
  readonly #records: Iterator<PlacedRecord>;

  constructor({ records, notes }: OlderStream) {
    this.notes = notes;
    this.#records = records[Symbol.iterator]();
  }

  next(): PlacedRecord | null {
    const { done, value } = this.#records.next();
    return done === true ? null : value;
  }
}
