/** Records as bytes: how they ride in the journal and lie in the rows of a history file. */
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { putAuthor } from "./author_bytes.ts";
import { CodedCommit } from "./coded_commit.ts";
import { NodesWriter, type PathsOut, stateRoom, TextsOut } from "./node_bytes.ts";
import {
  type Abort,
  type Author,
  type Commit,
  FACETS,
  type Gap,
  type HistoryRecord,
  KINDS,
  sameAuthor,
} from "./record.ts";
import { putSigned, putVarint, signedAt, VARINT_ROOM, varintAt } from "./varint.ts";

/** The first byte of all; what an older version cannot read gets another one. */
export const RECORD_FORMAT = 1;

export const TYPES = ["commit", "abort", "gap"] as const;

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

/** The type of a record, and when it was. */
type Typed = Pick<HistoryRecord, "at" | "number" | "type">;

/** Encodes records into the same memory each time. */
export class RecordsEncoder<P = string> {
  readonly #head = new ByteWriter(FIRST_CAPACITY);
  readonly #to = new ByteWriter(FIRST_CAPACITY);
  readonly #paths: PathsOut<P>;
  readonly #nodes: NodesWriter<P>;
  readonly #authors: Author[] = [];
  #number = 0;
  #at = 0;

  constructor(paths: PathsOut<P>) {
    this.#paths = paths;
    this.#nodes = new NodesWriter(this.#to, paths);
  }

  /** As {@link encodeRecords}: valid until its next call. */
  all(records: readonly HistoryRecord<P>[], sizes?: number[]): Uint8Array<ArrayBuffer> {
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
  #record(record: HistoryRecord<P>): number {
    const to = this.#to, begin = to.length;
    if (record instanceof CodedCommit) this.#coded(record);
    else if (record.type === "commit" && record.changes.length === 1) this.#oneChange(record);
    else this.#anyRecord(record);
    return to.length - begin;
  }

  #anyRecord(record: HistoryRecord<P>): void {
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
  #oneChange(commit: Commit<P>): void {
    const to = this.#to, nodes = this.#nodes, { detail } = commit;
    const change = commit.changes[0]!, { count, new: now, old, path } = change;
    const size = this.#paths.room(path) + stateRoom(old) + stateRoom(now) + VARINT_ROOM;
    const bytes = to.room(BEGIN_ROOM + HEAD_ROOM + detail.length + size);
    let at = this.#headAt(bytes, this.#beginAt(bytes, to.length, commit), commit, 1);
    at = nodes.pathAt(bytes, at, path);
    at = nodes.stateAt(bytes, nodes.stateAt(bytes, at, old), now);
    to.wrote(varintAt(bytes, at, count));
    if (count > 1) this.#first(change);
  }

  /** Writes the beginning of each record; returns its end. */
  #beginAt(bytes: Uint8Array, at: number, { at: time, number, type }: Typed): number {
    bytes[at] = type === "commit" ? 0 : TYPES.indexOf(type);
    at = varintAt(bytes, at + 1, number - this.#number);
    at = signedAt(bytes, at, time - this.#at);
    this.#number = number;
    this.#at = time;
    return at;
  }

  /** Writes all of a commit before its changes; returns its end. */
  #headAt(bytes: Uint8Array, at: number, commit: Omit<Commit, "changes">, changes: number): number {
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

  #abort({ author, by, count, facet, operations, path, seen, there, ...rest }: Abort<P>): void {
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

const encoder = new RecordsEncoder(new TextsOut());
