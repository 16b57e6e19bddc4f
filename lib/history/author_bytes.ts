import { type ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import type { Author } from "./record.ts";
import { putVarint, readVarint } from "./varint.ts";

const KINDS = ["daemon", "domain", "process", "pruned"] as const;

/** The bytes of authors, to be used again: an author's come before its records in each turn. */
const known = new WeakMap<Author, Uint8Array>();
const writer = new ByteWriter(256);

/** An author: its kind (8 bits), then what is known of it. */
export function putAuthor(to: ByteWriter, author: Author): void {
  let bytes = known.get(author);
  if (bytes === undefined) {
    writer.clear();
    writeAuthor(writer, author);
    known.set(author, bytes = writer.written.slice());
  }
  to.raw(bytes);
}

function writeAuthor(to: ByteWriter, author: Author): void {
  to.u8(KINDS.indexOf(author.kind));
  if (author.kind === "domain") {
    putVarint(to, author.domid);
    to.u8(author.uniqueId === null ? 0 : 1);
    if (author.uniqueId !== null) to.u64(author.uniqueId);
    putOptionalText(to, author.name);
  } else if (author.kind === "process") {
    putVarint(to, author.domid);
    for (const fact of [author.pid, author.startTime, author.uid]) {
      putVarint(to, fact === null ? 0 : fact + 1);
    }
    putOptionalText(to, author.command);
  }
}

function putOptionalText(to: ByteWriter, text: string | null): void {
  to.u8(text === null ? 0 : 1);
  if (text !== null) to.text(text);
}

/** @throws {DamagedError} when it is none. */
export function readAuthor(from: ByteReader): Author {
  const kind = KINDS[from.u8()];
  switch (kind) {
    case undefined:
      throw new DamagedError("an author is of no kind");
    case "domain": {
      const domid = readVarint(from), uniqueId = isThere(from) ? from.u64() : null;
      return { kind, domid, uniqueId, name: isThere(from) ? from.text() : null };
    }
    case "process": {
      const domid = readVarint(from), pid = readOptional(from);
      const startTime = readOptional(from), uid = readOptional(from);
      return { kind, domid, pid, startTime, uid, command: isThere(from) ? from.text() : null };
    }
    default:
      return { kind };
  }
}

function isThere(from: ByteReader): boolean {
  const flag = from.u8();
  if (flag > 1) throw new DamagedError(`a flag is ${flag}`);
  return flag === 1;
}

function readOptional(from: ByteReader): number | null {
  const value = readVarint(from);
  return value === 0 ? null : value - 1;
}
