/** The table of CRC-32 (polynomial 0xedb88320, as in zlib and PNG), a byte at a time. */
const TABLE = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ value >>> 1 : value >>> 1;
  return value;
});

/**
 * The CRC-32 of `bytes`, begun with `from`: SQLite itself would not notice a changed byte within
 * a row. Beginning with the row's number tells rows that changed places, too.
 */
export function checksum(bytes: Uint8Array, from: number): number {
  let value = ~from;
  for (let i = 0; i < bytes.length; i++) value = TABLE[(value ^ bytes[i]!) & 0xff]! ^ value >>> 8;
  return ~value >>> 0;
}
