import type { SQLOutputValue } from "node:sqlite";
import { DamagedError } from "./byte_reader.ts";

// Imported as database.ts does it.
const { crc32 } = await import("node:zlib");

/**
 * The CRC-32 of `bytes`, begun with `from`: SQLite itself would not notice a changed byte within
 * a row. Beginning with the row's number tells rows that changed places, too.
 */
export function checksum(bytes: Uint8Array, from: number): number {
  return crc32(bytes, from >>> 0);
}

/**
 * The bytes of a column that were written with `sum`, a {@link checksum} begun with `from`.
 *
 * @throws {DamagedError} when they are not what was written.
 */
export function checkedBytes(
  bytes: SQLOutputValue | undefined,
  sum: SQLOutputValue | undefined,
  from: number,
  what: string,
): Uint8Array {
  if (bytes instanceof Uint8Array && checksum(bytes, from) === sum) return bytes;
  throw new DamagedError(`${what} is not what was written`);
}
