import type { PlacedRecord } from "./binary_reader.ts";
import { StreamReader } from "./decode.ts";
import { type Detected, detectFormat } from "./detect.ts";
import { readDraft } from "./draft_2020.ts";
import { OxenstoredBinaryReader } from "./oxenstored_2021.ts";
import { type OlderStream, readOxenstoredText, TEXT_HEADER } from "./oxenstored_live_update.ts";
import type { StateRecord } from "../state/records.ts";
import { toText } from "../wire/text.ts";

/** A stream as it was read, and what its bytes were. */
export interface DecodedStream extends Detected {
  /** The domains first, then the others in the order of the file. */
  readonly records: readonly StateRecord[];
  /** How many records the file has, which are more where several tell of one thing. */
  readonly count: number;
  /** Of records that were skipped: their type numbers, each once, in order of appearance. */
  readonly skipped: readonly number[];
  /** In words, what the file said that these records have no place for, or could not say. */
  readonly notes: readonly string[];
}

/** Reads a file of some format; what was skipped is known when all its records are. */
interface RecordReader {
  readonly skipped: Iterable<number>;
  readonly notes: Iterable<string>;
  readonly count: number;
  next(): PlacedRecord | null;
}

/**
 * The records of a file of any format, one by one: of domains those behind all others.
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
  const domains: StateRecord[] = [], others: StateRecord[] = [];
  for (let placed = reader.next(); placed !== null; placed = reader.next()) {
    const { record } = placed;
    (record.kind === "domain" ? domains : others).push(record);
  }
  const { count } = reader, skipped = [...reader.skipped], notes = [...reader.notes];
  return { ...detected, records: domains.concat(others), count, skipped, notes };
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
  readonly count: number;
  readonly #records: Iterator<PlacedRecord>;

  constructor({ records, notes }: OlderStream) {
    this.notes = notes;
    this.count = records.length;
    this.#records = records[Symbol.iterator]();
  }

  next(): PlacedRecord | null {
    const { done, value } = this.#records.next();
    return done === true ? null : value;
  }
}
