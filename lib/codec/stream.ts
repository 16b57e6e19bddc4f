/**
 * Migration streams: bytes to records and back, without any I/O. The formats are described in
 * docs/migration.md, the records in records.ts.
 *
 * Reading, of any format that {@link detectFormat} knows:
 * - `decodeStream(bytes): DecodedStream` gives all records, each with its offset and number;
 * - `readRecords(bytes): Generator<PlacedRecord>` gives them one by one;
 * - both read what the bytes say and no more; whether the records make sense together (order,
 *   parents, duplicates, paths) is what `validateRecords(stream, options?): StreamError[]` and
 *   `checkRecords(stream, options?): void` (throws the first) look at.
 *
 * Writing:
 * - `encodeStream(records, { version, endian, details? }): Uint8Array`, or slice by slice
 *   `new StreamEncoder(options)` with `put(record)`, `take(): Uint8Array[]`, `end()`;
 * - `encodeOxenstoredBinary(records): { bytes, notes }`, oxenstored's format of 2021.
 *
 * All that is wrong, in bytes or in records, is a {@link StreamError} with `offset`, `record`
 * and `problem`; nothing else is thrown. What is read stays a view into the bytes given: do not
 * change them while its records are used.
 */
export { StreamError } from "./errors.ts";
export { type EncodeOptions, encodeStream, StreamEncoder } from "./encode.ts";
export { type PlacedRecord, StreamReader } from "./decode.ts";
export { type Detected, detectFormat } from "./detect.ts";
export { type DecodedStream, decodeStream, isReadAtOnce, readRecords } from "./read.ts";
export {
  checkRecords,
  type RecordList,
  type ValidateOptions,
  validateRecords,
} from "./validate.ts";
export { type EncodedOxenstored, encodeOxenstoredBinary } from "./oxenstored_encode.ts";
