import { readPreamble } from "./decode.ts";
import { StreamError } from "./errors.ts";
import { IDENT } from "./record_types.ts";
import type { StreamFormat } from "./records.ts";

/** What a file is, by its first bytes and its records' arithmetic. */
export interface Detected {
  readonly format: StreamFormat;
  readonly version: number;
  readonly endian: "little" | "big";
}

/**
 * Tells the formats apart.
 * @throws {StreamError} when it is none of them; the message says what the bytes look like
 */
export function detectFormat(bytes: Uint8Array): Detected {
  if (startsWith(bytes, IDENT)) {
    const { version, endian } = readPreamble(bytes);
    return { format: "stream", version, endian };
  }
  throw new StreamError(`this is no migration stream: ${describe(bytes)}`, 0);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

function describe(bytes: Uint8Array): string {
  return `${bytes.length} bytes`;
}
