/** Reads files: dumps in any format, and stores. */
import { RESTORE_BYTES_MAX } from "../limits.ts";
import { RecordError } from "../state/checked_records.ts";
import type { StateRecord } from "../state/records.ts";
import { joinChunks } from "../codec/chunk_writer.ts";
import { decodeStream, StreamError } from "../codec/stream.ts";
import { FEATURES } from "../wire/features.ts";
import { toText } from "../wire/text.ts";
import { type Archive, ArchiveError, fileError, usingFile } from "./archive.ts";
import { fromJson, looksLikeJson } from "../codec/json.ts";
import { JsonError } from "../codec/json_fields.ts";
import { readStoreArchive } from "./store_source.ts";

/** A stream. It is decoded only when more than its bytes is needed. */
export class StreamArchive implements Archive {
  readonly nodesOnly = false;
  #decoded: Pick<Archive, "records" | "notes"> | null = null;

  constructor(
    readonly name: string,
    readonly stream: Uint8Array,
    readonly isFresh: boolean,
  ) {}

  get records(): readonly StateRecord[] {
    return (this.#decoded ??= decodeNamed(this.stream, this.name)).records;
  }

  /** Notes of the decoder. */
  get notes(): readonly string[] {
    return this.#decoded?.notes ?? [];
  }
}

const SQLITE = "SQLite format 3\0";

export async function readFile(path: string, text: string): Promise<Archive> {
  if (isStore(path)) return readStoreArchive(path, null, text);
  const bytes = isPipeOrDevice(path) ? await readPipe(path) : readBytes(path, Infinity);
  return archiveOf(text, bytes);
}

export function isStore(path: string): boolean {
  return !isPipeOrDevice(path) && toText(readBytes(path, SQLITE.length)) === SQLITE;
}

/** A dump in any format, from its bytes. */
export function archiveOf(name: string, bytes: Uint8Array): Archive {
  if (toText(bytes.subarray(0, SQLITE.length)) === SQLITE) {
    throw new ArchiveError("a store file cannot be read from a pipe (name the file)", name);
  }
  return bytes.length > 0 && looksLikeJson(bytes)
    ? named(name, () => ({ name, records: fromJson(bytes), nodesOnly: false, notes: [] }))
    : new StreamArchive(name, bytes, false);
}

function isPipeOrDevice(path: string): boolean {
  const { isDirectory, isFile } = usingFile(path, "read", () => Deno.statSync(path));
  if (isDirectory) throw new ArchiveError("it is a directory (name a dump or a store file)", path);
  return !isFile;
}

/** Reads a pipe to its end: it has no size, and cannot be read twice. */
async function readPipe(path: string): Promise<Uint8Array> {
  try {
    using file = await Deno.open(path);
    return await readToEnd(file.readable.values({ preventCancel: true }), path);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw fileError(error, path, "read");
  }
}

async function readToEnd(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    read.push(chunk);
    length += chunk.length;
    if (length <= RESTORE_BYTES_MAX) continue;
    throw new ArchiveError(`it has more than ${RESTORE_BYTES_MAX} bytes`, name);
  }
  return joinChunks(read);
}

function readBytes(path: string, most: number): Uint8Array {
  return usingFile(path, "read", () => {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    const bytes = new Uint8Array(Math.min(size, most));
    let at = 0;
    for (let count = 1; at < bytes.length && count > 0; at += count) {
      count = file.readSync(bytes.subarray(at)) ?? 0;
    }
    return bytes.subarray(0, at);
  });
}

function decodeNamed(bytes: Uint8Array, name: string): Pick<Archive, "records" | "notes"> {
  return named(name, () => {
    const { format, notes, records: all, version } = decodeStream(bytes);
    const records = format === "stream" && version === 1 ? all.map(withFeatures) : all;
    return { records, notes: notes.map((note) => `${name}: ${note}`) };
  });
}

/** Version 1 has no place for features: its domains are offered the usual ones. */
function withFeatures(record: StateRecord): StateRecord {
  return record.kind === "domain" && record.features === 0
    ? { ...record, features: FEATURES }
    : record;
}

/** Does `action`; failures about the file's content get its name. @throws {ArchiveError} */
export function named<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const isIts = error instanceof StreamError || error instanceof JsonError ||
      error instanceof RecordError;
    throw isIts ? new ArchiveError(error.message, name) : error;
  }
}
