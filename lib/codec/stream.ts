/**
 * Bytes to records and back, without any I/O. The formats are described in docs/formats.md, the
 * records in lib/state/records.ts.
 *
 * Reading, of any format that {@link detectFormat} knows:
 * - `decodeStream(bytes): DecodedStream` gives all records, domains first;
 * - `readRecords(bytes): Generator<PlacedRecord>` gives them one by one, domains last;
 * - both read what the bytes say and no more; whether the records make sense together is what
 *   lib/state/checked_records.ts finds out.
 *
 * Writing, of records with domains before their rings:
 * - `new StreamEncoder({ version, endian, details? })` with `put(record)`, `take(): Uint8Array[]`
 *   for what is written so far, and `end()`;
 * - `encodeOxenstoredBinary(records): { bytes, notes }`, oxenstored's format of 2021.
 *
 * All that is wrong, in bytes or in records, is a {@link StreamError} with `offset`, `record`
 * and `problem`; nothing else is thrown. What is read stays a view into the bytes given: do not
 * change them while its records are used.
 */
export { StreamError } from "./errors.ts";
export { type EncodeOptions, StreamEncoder } from "./encode.ts";
export type { PlacedRecord } from "./binary_reader.ts";
export { StreamReader } from "./decode.ts";
export { type Detected, detectFormat } from "./detect.ts";
export { type DecodedStream, decodeStream, isReadAtOnce, readRecords } from "./read.ts";
export { type EncodedOxenstored, encodeOxenstoredBinary } from "./oxenstored_encode.ts";
