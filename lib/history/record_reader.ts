/** Reads records from the bytes of record_bytes.ts. */
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { readAuthor } from "./author_bytes.ts";
import { NodesReader, type PathsIn, type PathVisitor, TEXTS_IN } from "./node_bytes.ts";
import type { PathTable } from "./path_table.ts";
import {
  type Author,
  type Change,
  FACETS,
  type HistoryRecord,
  KINDS,
  type Missing,
} from "./record.ts";
import { RECORD_FORMAT, TYPES } from "./record_bytes.ts";
import { readSigned, readVarint } from "./varint.ts";

/** Which paths are of interest. */
export type WantsPath = (path: string) => boolean;

/**
 * Decodes what `encodeRecords` wrote. With `wants` it skips records that touch no path which `wants` accepts, except gaps and
 * keyframes: that takes half the time.
 *
 * @throws {DamagedError} for other bytes, or those of a newer version.
 */
export function decodeRecords(
  bytes: Uint8Array,
  wants: WantsPath | null = null,
): HistoryRecord[] {
  return decode(bytes, TEXTS_IN, wants);
}

/**
 * The same with each path as its number in a table.
 *
 * @throws {DamagedError} as {@link decodeRecords}.
 */
export function decodeNumbered(bytes: Uint8Array, table: PathTable): HistoryRecord<number>[] {
  table.begin();
  return decode(bytes, table, null);
}

function decode<P>(
  bytes: Uint8Array,
  paths: PathsIn<P>,
  wants: ((path: P) => boolean) | null,
): HistoryRecord<P>[] {
  const from = new ByteReader(bytes), decoder = new Decoder(from, readHead(from), paths);
  const records: HistoryRecord<P>[] = [];
  for (let left = readVarint(from); left > 0; left--) {
    const record = decoder.record(wants);
    if (record !== null) records.push(record);
  }
  if (!from.atEnd) throw new DamagedError("there is more behind the last record");
  return records;
}

/** What is visited of records. */
export interface RecordsVisitor {
  author(author: Author): void;
  /** Of a change. */
  readonly path: PathVisitor;
  /** Of an aborted transaction. */
  readonly abortPath: PathVisitor;
}

/**
 * Visits the authors and the paths of encoded records, and makes no texts of the paths.
 *
 * @throws {DamagedError} as {@link decodeRecords}.
 */
export function visitRecords(bytes: Uint8Array, visitor: RecordsVisitor): void {
  const from = new ByteReader(bytes), decoder = new Decoder(from, readHead(from), TEXTS_IN);
  for (let left = readVarint(from); left > 0; left--) decoder.visit(visitor);
}

/** Reads what is before the records: the format, and their authors. */
function readHead(from: ByteReader): Author[] {
  const format = from.u8();
  if (format !== RECORD_FORMAT) {
    throw new DamagedError(`records of format ${format}: this xs reads ${RECORD_FORMAT}`);
  }
  const authors: Author[] = [];
  for (let left = readVarint(from); left > 0; left--) authors.push(readAuthor(from));
  return authors;
}

class Decoder<P> {
  readonly #nodes: NodesReader;
  #number = 0;
  #at = 0;

  constructor(
    private readonly from: ByteReader,
    private readonly authors: readonly Author[],
    private readonly paths: PathsIn<P>,
  ) {
    this.#nodes = new NodesReader(from);
  }

  /** The next record; null when it is not wanted. */
  record(wants: ((path: P) => boolean) | null): HistoryRecord<P> | null {
    const type = TYPES[this.from.u8()];
    this.#number = safe(this.#number + readVarint(this.from));
    this.#at = safe(this.#at + readSigned(this.from));
    const { from } = this, number = this.#number, at = this.#at;
    if (type === undefined) throw new DamagedError("a record is of no type");
    if (type === "gap") {
      return { type, number, at, ...this.#first(), missing: this.#missing() };
    }
    const author = this.#author();
    if (type === "abort") {
      const operations = readVarint(from), path = this.paths.next(this.#nodes);
      const facet = oneOf(FACETS, from.u8(), "facet"), seen = from.text(), there = from.text();
      const by = from.text(), common = { type, number, at, author, operations, path };
      const times = this.#times();
      if (wants !== null && !wants(path)) return null;
      return { ...common, facet, seen, there, by, ...times };
    }
    const kind = oneOf(KINDS, from.u8(), "kind"), operations = readVarint(from);
    const detail = from.text(), moved = readVarint(from);
    const isKeyframe = oneOf([false, true], from.u8(), "flag");
    if (wants !== null && !isKeyframe && !this.#touches(wants)) return null;
    const common = { type, number, at, author, kind, operations, detail, moved, isKeyframe };
    return { ...common, changes: this.#changes() };
  }

  /** Visits the next record. */
  visit(visitor: RecordsVisitor): void {
    const { from } = this, nodes = this.#nodes, type = TYPES[from.u8()];
    this.#number = safe(this.#number + readVarint(from));
    this.#at = safe(this.#at + readSigned(from));
    if (type === undefined) throw new DamagedError("a record is of no type");
    if (type === "gap") {
      this.#first();
      for (const { author } of this.#missing()) visitor.author(author);
      return;
    }
    visitor.author(this.#author());
    if (type === "abort") {
      readVarint(from);
      nodes.visitPath(visitor.abortPath);
      from.u8();
      for (let texts = 0; texts < 3; texts++) from.text();
      return void this.#times();
    }
    from.u8();
    readVarint(from);
    from.text();
    readVarint(from);
    from.u8();
    for (let left = readVarint(from); left > 0; left--) {
      nodes.visitPath(visitor.path);
      nodes.skipState();
      nodes.skipState();
      this.#times();
    }
  }

  /** Whether one of the next changes is wanted. If so, it goes back to their beginning; else it has skipped them. */
  #touches(wants: (path: P) => boolean): boolean {
    const nodes = this.#nodes, { place } = nodes;
    for (let left = readVarint(this.from); left > 0; left--) {
      if (wants(this.paths.next(nodes))) {
        nodes.goBack(place);
        return true;
      }
      nodes.skipState();
      nodes.skipState();
      this.#times();
    }
    return false;
  }

  #changes(): Change<P>[] {
    const changes: Change<P>[] = [];
    for (let left = readVarint(this.from); left > 0; left--) {
      const path = this.paths.next(this.#nodes),
        old = this.#nodes.state(),
        now = this.#nodes.state();
      const count = this.#count();
      // Nearly all happened once: no object for their times is made.
      changes.push(
        count === 1
          ? { path, old, new: now, count, first: this.#number, firstAt: this.#at }
          : { path, old, new: now, count, ...this.#first() },
      );
    }
    return changes;
  }

  /** A count, with the number and the time of the first one. */
  #times(): { count: number; first: number; firstAt: number } {
    const count = this.#count();
    if (count === 1) return { count, first: this.#number, firstAt: this.#at };
    return { count, ...this.#first() };
  }

  #count(): number {
    const count = readVarint(this.from);
    if (count === 0) throw new DamagedError("something happened no times");
    return count;
  }

  #first(): { first: number; firstAt: number } {
    const first = this.#number - readVarint(this.from);
    if (first < 0) throw new DamagedError("a number is below 0");
    return { first, firstAt: safe(this.#at - readSigned(this.from)) };
  }

  #missing(): Missing[] {
    const missing: Missing[] = [];
    for (let left = readVarint(this.from); left > 0; left--) {
      missing.push({ author: this.#author(), count: readVarint(this.from) });
    }
    return missing;
  }

  #author(): Author {
    return oneOf(this.authors, readVarint(this.from), "author");
  }
}

function oneOf<T>(items: readonly T[], at: number, what: string): T {
  if (at >= items.length) throw new DamagedError(`there is no ${what} ${at}`);
  return items[at]!;
}

function safe(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new DamagedError("a number is too large");
}
