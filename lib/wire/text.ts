import {
  LOOPED_BYTES_MAX,
  LOOPED_TEXT_MAX,
  SHARED_BLOCK_BYTES,
  SHARED_COPY_BYTES_MAX,
  SPELLED_TEXT_MAX,
} from "../limits.ts";

/**
 * Bytes as strings and back, one character a byte (0 to 255), so that paths, tokens and values
 * that are not text survive unchanged. This is not UTF-8: turn user-facing text into bytes with
 * `TextEncoder` first.
 */

const char = String.fromCharCode;

/** Makes a text of the bytes `from` to `to` (exclusive) of its `this`, one character a byte. */
export type TextReader = (this: Uint8Array, from: number, to: number) => string;

let reader: TextReader | null = null;

/** Has {@link toText} make texts of more than a few characters by one call of the runtime. */
export function readTextBy(of: TextReader): void {
  reader = of;
}

/** Characters `from` to `to` (exclusive) of `bytes`, one character a byte. */
export function toText(bytes: Uint8Array, from = 0, to = bytes.length): string {
  if (to - from > SPELLED_TEXT_MAX && reader !== null) return reader.call(bytes, from, to);
  let text = "";
  let i = from;
  // Eight at a time: several times faster than one at a time for the usual 30-byte path.
  for (; i + 8 <= to; i += 8) {
    text += char(
      bytes[i]!,
      bytes[i + 1]!,
      bytes[i + 2]!,
      bytes[i + 3]!,
      bytes[i + 4]!,
      bytes[i + 5]!,
      bytes[i + 6]!,
      bytes[i + 7]!,
    );
  }
  return i >= to ? text : text + shortText(bytes, i, to - i);
}

/** The same for one to seven bytes: one at a time would leave a string behind for each. */
function shortText(bytes: Uint8Array, i: number, count: number): string {
  const a = bytes[i]!;
  if (count === 1) return char(a);
  const b = bytes[i + 1]!;
  if (count === 2) return char(a, b);
  const c = bytes[i + 2]!;
  if (count === 3) return char(a, b, c);
  const d = bytes[i + 3]!;
  if (count === 4) return char(a, b, c, d);
  const e = bytes[i + 4]!;
  if (count === 5) return char(a, b, c, d, e);
  const f = bytes[i + 5]!;
  return count === 6 ? char(a, b, c, d, e, f) : char(a, b, c, d, e, f, bytes[i + 6]!);
}

/**
 * The same text in memory of its own, as one piece: V8 keeps a whole text for the sake of any part
 * of it, and a text that was put together as its parts until it is read.
 */
export function flatText(text: string): string {
  const copy = `${text.slice(0, 1)}${text.slice(1)}`;
  // That joins the parts.
  return copy.indexOf("/", copy.length - 1) < -1 ? "" : copy;
}

/** From so many characters on V8 makes a part of a text refer to the whole; shorter ones it copies. */
const PART_MIN = 13;

/** A part of a text, kept for longer than that: in memory of its own. */
export function ownText(part: string): string {
  return part.length < PART_MIN ? part : flatText(part);
}

/**
 * Texts up to which a loop over characters is as fast as to cut and compare parts, which takes a fiftieth
 * of the time of a loop, or of `startsWith`, where they are long.
 */
const SHORT_TEXT = 32;

/** How many characters two texts begin with alike. */
export function sharedLength(a: string, b: string): number {
  let from = 0, to = Math.min(a.length, b.length);
  // Most paths in a row go on where the last one ended.
  if (to > SHORT_TEXT && a.slice(0, to) === b.slice(0, to)) return to;
  while (to - from > SHORT_TEXT) {
    const middle = from + to >> 1;
    if (a.slice(from, middle) === b.slice(from, middle)) from = middle;
    else to = middle;
  }
  while (from < to && a.charCodeAt(from) === b.charCodeAt(from)) from++;
  return from;
}

const encoder = new TextEncoder();

/** Writes `text` at `at`, one byte a character; returns the offset behind it. */
export function putText(target: Uint8Array, at: number, text: string): number {
  // Apart, so that V8 puts the loop into what calls it.
  return text.length > LOOPED_TEXT_MAX ? putLong(target, at, text) : putEach(target, at, text);
}

function putEach(target: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i);
  return at + length;
}

function putLong(target: Uint8Array, at: number, text: string): number {
  const { length } = text;
  // It writes UTF-8, which is one byte a character if all are ASCII, as in paths; else the room does not suffice.
  const { read } = encoder.encodeInto(text, target.subarray(at, at + length));
  return read === length ? at + length : putEach(target, at, text);
}

/** Copies `bytes` to `at`; returns the offset behind them. A few are copied one by one, which is faster than a call. */
export function putBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (length > LOOPED_BYTES_MAX) target.set(bytes, at);
  else for (let i = 0; i < length; i++) target[at + i] = bytes[i]!;
  return at + length;
}

/** The bytes of `text`, one a character. */
export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  putText(bytes, 0, text);
  return bytes;
}

/** Whether two byte strings are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

let shared = new Uint8Array(SHARED_BLOCK_BYTES);
let sharedEnd = 0;

/** A copy of the bytes `from` to `to` (exclusive). */
export function copyBytes(bytes: Uint8Array, from: number, to = bytes.length): Uint8Array {
  const length = to - from;
  if (length > SHARED_COPY_BYTES_MAX) return bytes.slice(from, to);
  if (sharedEnd + length > SHARED_BLOCK_BYTES) {
    shared = new Uint8Array(SHARED_BLOCK_BYTES);
    sharedEnd = 0;
  }
  const copy = new Uint8Array(shared.buffer, sharedEnd, length);
  sharedEnd += length;
  for (let i = 0; i < length; i++) copy[i] = bytes[from + i]!;
  return copy;
}

/**
 * All bytes, one part behind the other. The library has its own, and not that of `@std/bytes`: a program
 * that imports its files by their paths knows no names of `@std`.
 */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
