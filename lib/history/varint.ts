/** Whole numbers in as few bytes as they need: 7 bits a byte, the lowest first. */
import { type ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import type { ByteWriter } from "../codec/journal/byte_writer.ts";

/** Bytes that a number takes at most. */
export const VARINT_ROOM = 8;

/** Writes a whole number from 0 to 2^53 - 1 at `at`, where there must be {@link VARINT_ROOM}; returns the end. */
export function varintAt(bytes: Uint8Array, at: number, value: number): number {
  let left = value;
  while (left >= 0x80) {
    bytes[at++] = left % 0x80 | 0x80;
    left = Math.floor(left / 0x80);
  }
  bytes[at] = left;
  return at + 1;
}

const SIGN = 0x40;

/** One of either sign: the first byte has six bits and the sign. */
export function signedAt(bytes: Uint8Array, at: number, value: number): number {
  const size = Math.abs(value), rest = Math.floor(size / SIGN);
  bytes[at] = size % SIGN | (value < 0 ? SIGN : 0) | (rest > 0 ? 0x80 : 0);
  return rest > 0 ? varintAt(bytes, at + 1, rest) : at + 1;
}

export function putVarint(to: ByteWriter, value: number): void {
  to.wrote(varintAt(to.room(VARINT_ROOM), to.length, value));
}

export function putSigned(to: ByteWriter, value: number): void {
  to.wrote(signedAt(to.room(1 + VARINT_ROOM), to.length, value));
}

/** @throws {DamagedError} when it is none. */
export function readVarint(from: ByteReader): number {
  let value = 0;
  for (let scale = 1;; scale *= 0x80) {
    const byte = from.u8();
    value += (byte & 0x7f) * scale;
    if (!Number.isSafeInteger(value)) throw new DamagedError("a number is too large");
    if (byte < 0x80) return value;
    if (scale > 2 ** 49) throw new DamagedError("a number has too many bytes");
  }
}

/** @throws {DamagedError} when it is none. */
export function readSigned(from: ByteReader): number {
  const byte = from.u8();
  const size = byte % SIGN + (byte < 0x80 ? 0 : readVarint(from) * SIGN);
  if (!Number.isSafeInteger(size)) throw new DamagedError("a number is too large");
  // Not -0, which no writer had.
  return (byte & SIGN) === 0 || size === 0 ? size : -size;
}
