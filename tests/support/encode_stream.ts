import { joinChunks } from "../../lib/codec/chunk_writer.ts";
import { type EncodeOptions, StreamEncoder } from "../../lib/codec/stream.ts";
import type { StateRecord } from "../../lib/state/records.ts";

/**
 * A whole stream in one piece, END included.
 * @throws {StreamError} when a record does not fit the format
 */
export function encodeStream(
  records: Iterable<StateRecord>,
  options: EncodeOptions,
): Uint8Array<ArrayBuffer> {
  const encoder = new StreamEncoder(options);
  for (const record of records) encoder.put(record);
  encoder.end();
  return joinChunks(encoder.take());
}
