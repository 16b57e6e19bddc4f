import { UNKNOWN_BYTES_SHOWN } from "../limits.ts";
import { readPreamble, StreamReader } from "./decode.ts";
import { draftEndian } from "./draft_2020.ts";
import { StreamError } from "./errors.ts";
import { OxenstoredBinaryReader } from "./oxenstored_2021.ts";
import { TEXT_HEADER } from "./oxenstored_live_update.ts";
import { IDENT } from "./record_types.ts";

/** Which format a file is of. */
export type StreamFormat =
  | "stream"
  | "draft-2020"
  | "oxenstored-binary"
  | "oxenstored-text";

/** What a file is, by its first bytes and its records' arithmetic. */
export interface Detected {
  readonly format: StreamFormat;
  /** Of the specification; 0 for a format that has none. */
  readonly version: number;
  readonly endian: "little" | "big";
}

/**
 * Tells the formats apart.
 * @throws {StreamError} when it is none of them; the message says what the bytes look like
 */
export function detectFormat(bytes: Uint8Array): Detected {
  if (bytes.length === 0) throw new StreamError("the file is empty", 0);
  if (begins(bytes, IDENT)) {
    const { version, endian } = readPreamble(bytes);
    const other = version === 1 && endian === "big" && isOxenstoredBinary(bytes);
    return { format: other ? "oxenstored-binary" : "stream", version, endian };
  }
  if (begins(bytes, TEXT_HEADER)) return { format: "oxenstored-text", version: 0, endian: "big" };
  const endian = draftEndian(bytes);
  if (endian !== null) return { format: "draft-2020", version: 0, endian };
  throw new StreamError(`this is no migration stream, but ${describe(bytes)}`, 0);
}

/** Whether the bytes begin with the text, or all of them are its beginning. */
function begins(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length && i < bytes.length; i++) {
    if (bytes[i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Both formats have this preamble. Some records fit both: a transaction means the same in both, a
 * socket without data does not. Nodes and watches never do, and every store has a node; so the
 * first record that fits only one of them decides.
 */
function isOxenstoredBinary(bytes: Uint8Array): boolean {
  const stream = new StreamReader(bytes), other = new OxenstoredBinaryReader(bytes);
  for (;;) {
    const inStream = outcome(stream), inOther = outcome(other);
    if (inStream !== "record" || inOther !== "record") {
      return inStream === "wrong" && inOther !== "wrong";
    }
  }
}

function outcome(reader: { scan(): boolean }): "record" | "end" | "wrong" {
  try {
    return reader.scan() ? "record" : "end";
  } catch (error) {
    if (error instanceof StreamError) return "wrong";
    throw error;
  }
}

/** Files that a user may give by mistake, by their first bytes. */
const OTHERS: readonly (readonly [string, string])[] = [
  ["SQLite format 3\0", "an SQLite database, such as xs keeps its store in"],
  ["LibxlFmt", "a domain saved by xl, which has its Xenstore records within"],
  ["\x1f\x8b", "a file compressed by gzip"],
  ["\x28\xb5\x2f\xfd", "a file compressed by zstd"],
  ["\xfd7zXZ", "a file compressed by xz"],
  ["\x7fELF", "a program"],
  ["/{", "oxenstored's persistent database, which is not read"],
];

function describe(bytes: Uint8Array): string {
  for (const [start, what] of OTHERS) {
    if (bytes.length >= start.length && begins(bytes, start)) return what;
  }
  const first = bytes.subarray(0, UNKNOWN_BYTES_SHOWN);
  if (first.every((byte) => byte >= 32 && byte < 127 || byte >= 9 && byte <= 13)) {
    const text = String.fromCharCode(...first);
    const what = /^\s*[[{]/.test(text) ? "text, perhaps JSON" : "text";
    return `${what} that begins with ${JSON.stringify(text)}`;
  }
  return `bytes that begin with ${first.subarray(0, 8).toHex()}`;
}
