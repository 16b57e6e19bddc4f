import { LINES_PER_CHUNK, RECORDS_PER_CHUNK } from "../limits.ts";
import type { StateRecord } from "../state/records.ts";
import {
  detectFormat,
  encodeOxenstoredBinary,
  StreamEncoder,
  StreamError,
} from "../codec/stream.ts";
import { toBytes } from "../wire/text.ts";
import { type Archive, ArchiveError } from "./archive.ts";
import { toJsonLines } from "../codec/json.ts";
import { toTextLines } from "../codec/text.ts";

export const FORMATS = ["stream", "json", "text", "oxenstored-binary"] as const;

/** How an archive is written. */
export interface Format {
  readonly format: (typeof FORMATS)[number];
  /** Of a stream. */
  readonly version: 1 | 2;
  readonly endian: "little" | "big";
}

/** Whether the bytes are for people, so that they may go to a terminal. */
export function isReadable({ format }: Format): boolean {
  return format === "json" || format === "text";
}

/**
 * The bytes of an archive, piece by piece. `note` is told of what the format has no place for.
 *
 * @throws {ArchiveError} when it cannot be written so.
 */
export function* formatArchive(
  archive: Archive,
  how: Format,
  note: (text: string) => void,
): Generator<Uint8Array> {
  try {
    yield* pieces(archive, how, note);
  } catch (error) {
    if (error instanceof StreamError) throw new ArchiveError(error.message, archive.name);
    throw error;
  }
}

function* pieces(
  archive: Archive,
  how: Format,
  note: (text: string) => void,
): Generator<Uint8Array> {
  if (how.format !== "text") checkNothingIsHidden(archive);
  const { isFresh, stream } = archive;
  if (stream !== undefined && isFresh === true && isSame(stream, how)) return yield stream;
  const { records } = archive;
  if (stream !== undefined && isSame(stream, how)) return yield stream;
  switch (how.format) {
    case "json":
      return yield* inChunks(toJsonLines(records), (text) => new TextEncoder().encode(text));
    case "text":
      return yield* inChunks(toTextLines(records), toBytes);
    case "oxenstored-binary": {
      const { bytes, notes } = encodeOxenstoredBinary(records);
      if (notes.length > 0) note(`oxenstored's binary has no place for: ${notes.join("; ")}`);
      return yield bytes;
    }
    case "stream":
      if (how.version === 1 && records.some(isDeep)) {
        note("version 1 has no place for: how deep a watch reaches");
      }
      return yield* streamOf(archive, how);
  }
}

/** What stands for a hidden value would be taken for the value when it is restored. */
function checkNothingIsHidden({ hidden = new Set(), name }: Archive): void {
  const [first] = hidden, { size } = hidden;
  if (first === undefined) return;
  const what = size === 1
    ? `one value is hidden in the history (${first})`
    : `${size} values are hidden in the history (the first is ${first})`;
  const why = "a restore would put its placeholder into the store";
  const advice = "take --format text, or a point that hides nothing";
  throw new ArchiveError(`${what}, and ${why} (${advice})`, name);
}

/** Whether a stream, of which the beginning is enough, is wanted as it already is. */
export function isSame(stream: Uint8Array, how: Format): boolean {
  const { endian, format, version } = detectFormat(stream);
  return how.format === format && how.endian === endian && how.version === version;
}

function isDeep(record: StateRecord): boolean {
  return record.kind === "watch" && Number.isFinite(record.depth);
}

function* streamOf({ records }: Archive, { endian, version }: Format): Generator<Uint8Array> {
  const encoder = new StreamEncoder({ version, endian });
  let count = 0;
  for (const record of records) {
    encoder.put(record);
    if (++count % RECORDS_PER_CHUNK === 0) yield* encoder.take();
  }
  encoder.end();
  yield* encoder.take();
}

function* inChunks(
  lines: Iterable<string>,
  toChunk: (text: string) => Uint8Array,
): Generator<Uint8Array> {
  let chunk: string[] = [];
  for (const line of lines) {
    chunk.push(`${line}\n`);
    if (chunk.length < LINES_PER_CHUNK) continue;
    yield toChunk(chunk.join(""));
    chunk = [];
  }
  if (chunk.length > 0) yield toChunk(chunk.join(""));
}
