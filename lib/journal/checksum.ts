import type { SQLOutputValue } from "node:sqlite";
import { DamagedError } from "../codec/journal/byte_reader.ts";

/** The primes of xxHash (doc/xxhash_spec.md of its project). */
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
const STRIPE_WORDS = 4;

/**
 * The XXH32 of `bytes` with the seed `from`: SQLite itself would not notice a changed byte within
 * a row. Seeding with the row's number tells rows that changed places, too. A hash that takes words
 * is as fast here as a CRC-32 of the runtime's, which takes a third of the daemon's start to load.
 */
export function checksum(bytes: Uint8Array, from: number): number {
  // Words of the bytes as they lie, little endian as on every host Xen runs on.
  const aligned = (bytes.byteOffset & 3) === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, length } = aligned;
  return checksumAt(aligned, new Int32Array(buffer, byteOffset, length >>> 2), 0, length, from);
}

/** The same of `length` bytes from `at` on, a multiple of 4; `words` has the same bytes. It allocates nothing. */
export function checksumAt(
  bytes: Uint8Array,
  words: Int32Array,
  at: number,
  length: number,
  from: number,
): number {
  const first = at >>> 2, end = first + (length >>> 2);
  const striped = end - (end - first) % STRIPE_WORDS;
  const seed = from | 0;
  let hash = striped === first ? seed + PRIME_5 | 0 : hashStripes(words, first, striped, seed);
  hash = hash + length | 0;
  for (let i = striped; i < end; i++) {
    hash = hash + Math.imul(words[i]!, PRIME_3) | 0;
    hash = Math.imul(hash << 17 | hash >>> 15, PRIME_4);
  }
  for (let i = end * 4; i < at + length; i++) {
    hash = hash + Math.imul(bytes[i]!, PRIME_5) | 0;
    hash = Math.imul(hash << 11 | hash >>> 21, PRIME_1);
  }
  hash = Math.imul(hash ^ hash >>> 15, PRIME_2);
  hash = Math.imul(hash ^ hash >>> 13, PRIME_3);
  return (hash ^ hash >>> 16) >>> 0;
}

/** Four lanes, each of which takes every fourth word. */
function hashStripes(words: Int32Array, first: number, end: number, seed: number): number {
  let a = seed + PRIME_1 + PRIME_2 | 0;
  let b = seed + PRIME_2 | 0;
  let c = seed;
  let d = seed - PRIME_1 | 0;
  for (let i = first; i < end; i += STRIPE_WORDS) {
    a = a + Math.imul(words[i]!, PRIME_2) | 0;
    a = Math.imul(a << 13 | a >>> 19, PRIME_1);
    b = b + Math.imul(words[i + 1]!, PRIME_2) | 0;
    b = Math.imul(b << 13 | b >>> 19, PRIME_1);
    c = c + Math.imul(words[i + 2]!, PRIME_2) | 0;
    c = Math.imul(c << 13 | c >>> 19, PRIME_1);
    d = d + Math.imul(words[i + 3]!, PRIME_2) | 0;
    d = Math.imul(d << 13 | d >>> 19, PRIME_1);
  }
  return (a << 1 | a >>> 31) + (b << 7 | b >>> 25) + (c << 12 | c >>> 20) + (d << 18 | d >>> 14) |
    0;
}

/**
 * The bytes of a column that were written with `sum`, a {@link checksum} seeded with `from`.
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
