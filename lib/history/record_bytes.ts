/** Records as bytes: how they ride in the journal and lie in the rows of a history file. */
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { putAuthor, readAuthor } from "./author_bytes.ts";
import { CodedCommit } from "./coded_commit.ts";
import { NodesReader, NodesWriter, pathRoom, type PathVisitor, stateRoom } from "./node_bytes.ts";
import {
  type Abort,
  type Author,
  type Change,
  type Commit,
  FACETS,
  type Gap,
  type HistoryRecord,
  KINDS,
  type Missing,
  sameAuthor,
} from "./record.ts";
import {
  putSigned,
  putVarint,
  readSigned,
  readVarint,
  signedAt,
  VARINT_ROOM,
  varintAt,
} from "./varint.ts";

/** The first byte of all; what an older version cannot read gets another one. */
export const RECORD_FORMAT = 1;

const TYPES = ["commit", "abort", "gap"] as const;

/** Encodes records; each author is there once. `sizes` gets the bytes of each record. The result is valid until the next call. */
export function encodeRecords(
  records: readonly HistoryRecord[],
  sizes?: number[],
): Uint8Array<ArrayBuffer> {
  return encoder.all(records, sizes);
}

/** Gives up the memory by which the encoder has grown. */
export function dropSpareRecords(): void {
  encoder.dropSpare();
}

const FIRST_CAPACITY = 4_096;

/** Room for a type, a number and a time. */
const BEGIN_ROOM = 2 + 2 * VARINT_ROOM;
/** Room for four numbers, a kind, a flag, and the length of the detail. */
const HEAD_ROOM = 4 * VARINT_ROOM + 4;

/** Encodes records into the same memory each time. */
export class RecordsEncoder {
  readonly #head = new ByteWriter(FIRST_CAPACITY);
  readonly #to = new ByteWriter(FIRST_CAPACITY);
  readonly #nodes = new NodesWriter(this.#to);
  readonly #authors: Author[] = [];
  #number = 0;
  #at = 0;

  /** As {@link encodeRecords}: valid until its next call. */
  all(records: readonly HistoryRecord[], sizes?: number[]): Uint8Array<ArrayBuffer> {
    this.#begin();
    for (let i = 0; i < records.length; i++) {
      const size = this.#record(records[i]!);
      sizes?.push(size);
    }
    return this.#end(records.length);
  }

  /** Gives up the memory by which it has grown. What it has encoded is not valid any more. */
  dropSpare(): void {
    for (const bytes of [this.#head, this.#to]) {
      bytes.clear();
      bytes.dropSpare();
    }
  }

  #begin(): void {
    this.#to.clear();
    this.#nodes.restart();
    this.#authors.length = 0;
    this.#number = 0;
    this.#at = 0;
  }

  /** Encodes one record; returns its bytes. */
  #record(record: HistoryRecord): number {
    const to = this.#to, begin = to.length;
    if (record instanceof CodedCommit) this.#coded(record);
    else if (record.type === "commit" && record.changes.length === 1) this.#oneChange(record);
    else this.#anyRecord(record);
    return to.length - begin;
  }

  #anyRecord(record: HistoryRecord): void {
    const to = this.#to;
    to.wrote(this.#beginAt(to.room(BEGIN_ROOM), to.length, record));
    if (record.type === "gap") return this.#gap(record);
    if (record.type === "abort") return this.#abort(record);
    const { changes, detail } = record;
    const room = to.room(HEAD_ROOM + detail.length);
    to.wrote(this.#headAt(room, to.length, record, changes.length));
    for (const { count, first, firstAt, new: now, old, path } of changes) {
      this.#nodes.path(path);
      this.#nodes.state(old);
      this.#nodes.state(now);
      putVarint(to, count);
      if (count > 1) this.#first({ first, firstAt });
    }
  }

  /** Its changes are bytes already, which depend on nothing before them. */
  #coded(record: CodedCommit): void {
    const to = this.#to, { coded: { bytes, count }, detail } = record;
    const room = to.room(BEGIN_ROOM + HEAD_ROOM + detail.length);
    to.wrote(this.#headAt(room, this.#beginAt(room, to.length, record), record, count));
    to.raw(bytes);
    // Nor must what follows depend on them.
    this.#nodes.restart();
  }

  /** A commit of one change, as nearly all are: it makes room once, and writes into it without further checks. */
  #oneChange(commit: Commit): void {
    const to = this.#to, nodes = this.#nodes, { detail } = commit;
    const change = commit.changes[0]!, { count, new: now, old, path } = change;
    const size = pathRoom(path) + stateRoom(old) + stateRoom(now) + VARINT_ROOM;
    const bytes = to.room(BEGIN_ROOM + HEAD_ROOM + detail.length + size);
    let at = this.#headAt(bytes, this.#beginAt(bytes, to.length, commit), commit, 1);
    at = nodes.pathAt(bytes, at, path);
    at = nodes.stateAt(bytes, nodes.stateAt(bytes, at, old), now);
    to.wrote(varintAt(bytes, at, count));
    if (count > 1) this.#first(change);
  }

  /** Writes the beginning of each record; returns its end. */
  #beginAt(bytes: Uint8Array, at: number, { at: time, number, type }: HistoryRecord): number {
    bytes[at] = type === "commit" ? 0 : TYPES.indexOf(type);
    at = varintAt(bytes, at + 1, number - this.#number);
    at = signedAt(bytes, at, time - this.#at);
    this.#number = number;
    this.#at = time;
    return at;
  }

  /** Writes all of a commit before its changes; returns its end. */
  #headAt(bytes: Uint8Array, at: number, commit: Commit, changes: number): number {
    const { author, detail, isKeyframe, kind, moved, operations } = commit;
    at = varintAt(bytes, at, this.#author(author));
    bytes[at++] = KINDS.indexOf(kind);
    at = varintAt(bytes, at, operations);
    bytes[at++] = detail.length & 0xff;
    bytes[at++] = detail.length >>> 8;
    for (let i = 0; i < detail.length; i++) bytes[at++] = detail.charCodeAt(i);
    at = varintAt(bytes, at, moved);
    bytes[at++] = isKeyframe ? 1 : 0;
    return varintAt(bytes, at, changes);
  }

  #abort({ author, by, count, facet, operations, path, seen, there, ...rest }: Abort): void {
    const to = this.#to;
    putVarint(to, this.#author(author));
    putVarint(to, operations);
    this.#nodes.path(path);
    to.u8(FACETS.indexOf(facet));
    to.text(seen);
    to.text(there);
    to.text(by);
    putVarint(to, count);
    if (count > 1) this.#first(rest);
  }

  #gap({ first, firstAt, missing }: Gap): void {
    this.#first({ first, firstAt });
    putVarint(this.#to, missing.length);
    for (const { author, count } of missing) {
      putVarint(this.#to, this.#author(author));
      putVarint(this.#to, count);
    }
  }

  #first({ first, firstAt }: { readonly first: number; readonly firstAt: number }): void {
    putVarint(this.#to, this.#number - first);
    putSigned(this.#to, this.#at - firstAt);
  }

  /** The position of an author among those of these records. */
  #author(author: Author): number {
    const authors = this.#authors;
    let at = authors.indexOf(author);
    if (at < 0) at = authors.findIndex((one) => sameAuthor(one, author));
    if (at < 0) at = authors.push(author) - 1;
    return at;
  }

  #end(count: number): Uint8Array<ArrayBuffer> {
    const head = this.#head;
    head.clear();
    head.u8(RECORD_FORMAT);
    putVarint(head, this.#authors.length);
    for (const author of this.#authors) putAuthor(head, author);
    putVarint(head, count);
    head.raw(this.#to.written);
    return head.written;
  }
}

const encoder = new RecordsEncoder();

/** Which paths are of interest. */
export type WantsPath = (path: string) => boolean;

/**
 * Decodes what {@link encodeRecords} wrote. With `wants` it skips records that touch no path which `wants` accepts, except gaps and
 * keyframes: that takes half the time.
 *
 * @throws {DamagedError} for other bytes, or those of a newer version.
 */
export function decodeRecords(
  bytes: Uint8Array,
  wants: WantsPath | null = null,
): HistoryRecord[] {
  const from = new ByteReader(bytes), decoder = new Decoder(from, readHead(from));
  const records: HistoryRecord[] = [];
  for (let left = readVarint(from); left > 0; left--) {
    const record = decoder.record(wants);
    if (record !== null) records.push(record);
  }
  if (!from.atEnd) throw new DamagedError("there is more behind the last record");
  return records;
}

/** What is visited of records. */
interface RecordsVisitor {
  author(author: Author): void;
  readonly path: PathVisitor;
}

/**
 * Visits the authors and the paths of encoded records, and makes no texts of the paths.
 *
 * @throws {DamagedError} as {@link decodeRecords}.
 */
export function visitRecords(bytes: Uint8Array, visitor: RecordsVisitor): void {
  const from = new ByteReader(bytes), decoder = new Decoder(from, readHead(from));
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

class Decoder {
  readonly #nodes: NodesReader;
  #number = 0;
  #at = 0;

  constructor(private readonly from: ByteReader, private readonly authors: readonly Author[]) {
    this.#nodes = new NodesReader(from);
  }

  /** The next record; null when it is not wanted. */
  record(wants: WantsPath | null): HistoryRecord | null {
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
      const operations = readVarint(from), path = this.#nodes.path();
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
      nodes.visitPath(visitor.path);
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
  #touches(wants: WantsPath): boolean {
    const nodes = this.#nodes, { place } = nodes;
    for (let left = readVarint(this.from); left > 0; left--) {
      if (wants(nodes.path())) {
        nodes.goBack(place);
        return true;
      }
      nodes.skipState();
      nodes.skipState();
      this.#times();
    }
    return false;
  }

  #changes(): Change[] {
    const changes: Change[] = [];
    for (let left = readVarint(this.from); left > 0; left--) {
      const path = this.#nodes.path(), old = this.#nodes.state(), now = this.#nodes.state();
      changes.push({ path, old, new: now, ...this.#times() });
    }
    return changes;
  }

  /** A count, with the number and the time of the first one. */
  #times(): { count: number; first: number; firstAt: number } {
    const count = readVarint(this.from);
    if (count === 0) throw new DamagedError("something happened no times");
    if (count === 1) return { count, first: this.#number, firstAt: this.#at };
    return { count, ...this.#first() };
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
