import { concat } from "@std/bytes/concat";
import { toBytes } from "../../lib/wire/text.ts";

/**
 * Bytes written by hand, independent of the code under test: numbers of a size and byte order,
 * and texts, one after the other.
 */
export type Piece = string | { readonly size: 1 | 2 | 4 | 8; readonly value: number | bigint };

export const u8 = (value: number): Piece => ({ size: 1, value });
export const u16 = (value: number): Piece => ({ size: 2, value });
export const u32 = (value: number): Piece => ({ size: 4, value });
export const u64 = (value: bigint): Piece => ({ size: 8, value });

export type Endian = "little" | "big";

/** The pieces as bytes. */
export function lay(endian: Endian, ...pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const piece of pieces) {
    if (typeof piece === "string") {
      bytes.push(...toBytes(piece));
      continue;
    }
    const digits: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(piece.value));
    for (let i = 0; i < piece.size; i++) {
      digits.push(Number(rest & 0xffn));
      rest >>= 8n;
    }
    bytes.push(...(endian === "little" ? digits : digits.reverse()));
  }
  return Uint8Array.from(bytes);
}

/** The 16 bytes before the records. */
export function preamble(version: number, flags: number): Uint8Array<ArrayBuffer> {
  return lay("big", "xenstore", u32(version), u32(flags));
}

/**
 * A record with its header and zeros up to the next multiple of 8.
 * @param counted whether the length counts the zeros, as Xen's daemon writes it
 */
export function record(
  endian: Endian,
  type: number,
  body: Uint8Array,
  counted = true,
): Uint8Array<ArrayBuffer> {
  const zeros = new Uint8Array((8 - body.length % 8) % 8);
  const length = body.length + (counted ? zeros.length : 0);
  return join(lay(endian, u32(type), u32(length)), body, zeros);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(parts);
}

/** A whole stream: its records' types and bodies, and END. */
export function stream(
  endian: Endian,
  version: number,
  records: readonly (readonly [type: number, ...body: Piece[]])[],
  counted = true,
): Uint8Array<ArrayBuffer> {
  return join(
    preamble(version, endian === "big" ? 1 : 0),
    ...records.map(([type, ...body]) => record(endian, type, lay(endian, ...body), counted)),
    record(endian, 0, new Uint8Array(0)),
  );
}

/** The bytes of a dump in the corpus. */
export function corpus(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`corpus/${name}`, import.meta.url));
}

/** The names of all real dumps. */
export function corpusNames(): string[] {
  return [...Deno.readDirSync(new URL("corpus", import.meta.url))]
    .map(({ name }) => name)
    .filter((name) => /\.(bin|txt)$/.test(name))
    .sort();
}
