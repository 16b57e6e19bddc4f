import type * as records from "../state/records.ts";
import { DomainTable } from "./domain_table.ts";
import { StreamError } from "./errors.ts";
import { FieldReader } from "./field_reader.ts";
import * as types from "./record_types.ts";

/** A record and where it was found. */
export interface PlacedRecord {
  readonly record: records.StateRecord;
  /** Of the record's first byte in the file. */
  readonly offset: number;
}

/** A record of a type that is not known. */
export const UNKNOWN = Symbol("unknown");

/** What the body of a record gives; null where it only tells more of one before it. */
export type Decoded = records.StateRecord | null | typeof UNKNOWN;

/**
 * Reads a file of records, each behind its type and length, to its END. Nothing is allocated by a
 * length that the file claims, and values are views into the file.
 */
export abstract class BinaryReader {
  /** Type numbers that are not known, each once. */
  readonly skipped: Set<number> = new Set();
  /** What could not be read as it was meant, in words; each thing once. */
  readonly notes: Set<string> = new Set();
  /** Records that the file has, but for END and those of types that are not known. */
  count = 0;
  protected readonly fields: FieldReader;
  /** What is told of domains in several places: they come last. */
  protected readonly domains: DomainTable = new DomainTable();
  /** Where the next record begins. */
  protected nextAt = types.PREAMBLE_BYTES;
  protected isEnded = false;
  readonly #length: number;
  #domainsLeft: Iterator<records.Domain> | null = null;
  #number = 0;

  constructor(bytes: Uint8Array, endian: "little" | "big") {
    this.fields = new FieldReader(bytes, endian);
    this.#length = bytes.length;
  }

  /**
   * The next record, of domains those behind all others; null at the end.
   * @throws {StreamError} when the bytes are none
   */
  next(): PlacedRecord | null {
    while (!this.isEnded) {
      const record = this.step();
      if (record !== null) return { record, offset: this.fields.offset };
    }
    this.#domainsLeft ??= this.domains.all();
    const { done, value } = this.#domainsLeft.next();
    return done === true ? null : { record: value, offset: this.#length };
  }

  /**
   * Reads a record of a known type only to see whether it can be; false after END.
   * @throws {StreamError} when it cannot
   */
  scan(): boolean {
    for (const before = this.count; !this.isEnded;) {
      this.step();
      if (this.count > before) return true;
    }
    return false;
  }

  /** A record; null where there is none, or it told more of one before it. */
  protected step(): records.StateRecord | null {
    const { fields } = this, start = this.nextAt;
    if (start === this.#length) {
      throw new StreamError("the stream ends without an END record", start);
    }
    fields.begin(start, ++this.#number);
    if (fields.left < types.RECORD_HEADER_BYTES) {
      fields.fail(`the stream ends in the record's header, after ${fields.left} bytes`);
    }
    const type = fields.u32(), stated = fields.u32();
    const body = fields.at, name = types.typeName(type);
    fields.bound(this.#length, name);
    const length = this.bodyLength(type, stated);
    if (length > fields.left) {
      fields.fail(`its length is ${length}, but only ${fields.left} bytes follow`);
    }
    this.nextAt = body + types.aligned(length);
    if (type === types.END) return this.#end(length);
    if (this.nextAt > this.#length) fields.fail("the stream ends in the padding of the record");
    fields.bound(body + length, name);
    const record = this.decode(type);
    if (record === UNKNOWN) {
      this.skipped.add(type);
      return null;
    }
    this.count++;
    if (!this.mayLeave(type, fields.left)) {
      fields.fail(
        `its length is ${length}, but its fields end after ${length - fields.left} bytes`,
      );
    }
    return record;
  }

  #end(length: number): null {
    if (length !== 0) this.fields.fail(`its length is ${length}: it has no body`);
    const behind = this.#length - this.nextAt;
    if (behind > 0) {
      throw new StreamError(`${behind} bytes follow the END record: the last of all`, this.nextAt);
    }
    this.isEnded = true;
    return null;
  }

  /** The length of the body that begins here, of which the header has `stated`. */
  protected bodyLength(_type: number, stated: number): number {
    return stated;
  }

  /** Reads the fields of a record. */
  protected abstract decode(type: number): Decoded;

  /** Whether so many bytes behind the fields of a record are as they may be. */
  protected abstract mayLeave(type: number, left: number): boolean;
}
