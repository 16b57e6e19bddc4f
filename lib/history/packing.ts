/** Blocks lie as they are until there is time to compress them, which makes them some five times smaller. */
import { DamagedError } from "../codec/journal/byte_reader.ts";

/** How bytes lie in a row. */
export const PLAIN = 0;
export const DEFLATED = 1;

/** Bytes as they lie, and how many they are. */
export interface Packed {
  readonly packing: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** Compresses and expands. */
export interface Packer {
  pack(bytes: Uint8Array): Packed;
  /** @throws {DamagedError} when they are not what was packed. */
  unpack(packed: Packed): Uint8Array;
}

/**
 * Loads what compresses: it takes some 15 ms, so no start waits for it. Asynchronous streams of the runtime take twice the time
 * for each block, and a slice of upkeep would have to wait for them.
 */
export async function loadPacker(): Promise<Packer> {
  const { deflateRawSync, inflateRawSync } = await import("node:zlib");
  return {
    pack: (bytes) => {
      const deflated = viewOf(deflateRawSync(bytes, { level: FAST_LEVEL }));
      return deflated.length < bytes.length
        ? { packing: DEFLATED, size: bytes.length, bytes: deflated }
        : plain(bytes);
    },
    unpack: (packed) => {
      if (packed.packing !== DEFLATED) return unpackPlain(packed);
      try {
        const options = { maxOutputLength: Math.max(packed.size, 1) };
        const bytes = viewOf(inflateRawSync(packed.bytes, options));
        if (bytes.length === packed.size) return bytes;
      } catch {
        // The library's words say nothing more.
      }
      throw new DamagedError("compressed bytes cannot be expanded");
    },
  };
}

/** The same memory, of which `slice` makes a copy: that of a Buffer does not. */
function viewOf({ buffer, byteLength, byteOffset }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Of zlib: a block takes a third of the time of the usual level, and a tenth more bytes. */
const FAST_LEVEL = 1;

/** For a file in which nothing is compressed. */
export const PLAIN_PACKER: Packer = { pack: plain, unpack: unpackPlain };

export function plain(bytes: Uint8Array): Packed {
  return { packing: PLAIN, size: bytes.length, bytes };
}

function unpackPlain({ bytes, packing, size }: Packed): Uint8Array {
  if (packing === PLAIN && bytes.length === size) return bytes;
  throw new DamagedError(`bytes are packed as ${packing}, which this xs cannot read`);
}
