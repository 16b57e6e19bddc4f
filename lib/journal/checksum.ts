import { crc32 } from "node:zlib";

/**
 * The CRC-32 of `bytes`, begun with `from`: SQLite itself would not notice a changed byte within
 * a row. Beginning with the row's number tells rows that changed places, too.
 */
export function checksum(bytes: Uint8Array, from: number): number {
  return crc32(bytes, from >>> 0);
}
