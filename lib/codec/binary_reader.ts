import type * as records from "../state/records.ts";
import { DomainTable } from "./domain_table.ts";
import { StreamError } from "./errors.ts";
import { FieldReader } from "./field_reader.ts";
import * as types from "./record_types.ts";

/** A record and its place in the file. */
export interface PlacedRecord {
  readonly record: records.StateRecord;
  /** The position of the record's first byte. */
  readonly offset: number;
}

/** Stands for a record of an unknown type. */
export const UNKNOWN = Symbol("unknown");

/** The content of a record; null for one that only adds to an earlier one. */
export type Decoded = records.StateRecord | null | typeof UNKNOWN;

/**
 * Reads a file of records, each behind its type and length, up to the END record. It allocates
 * nothing by a length that the file claims. Values are views into the file.
 */
export abstract class BinaryReader {
  /** Unknown type numbers. */
  readonly skipped: Set<number> = new Set();
  /** What the reader left out or changed, in words. */
  readonly notes: Set<string> = new Set();
  /** Records so far, without END and unknown ones. */
  count = 0;
  protected readonly fields: FieldReader;
  /** Domains, which several records describe: so they come last. */
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
   * The next record, domains after all others; null at the end.
   * @throws {StreamError} for damaged bytes
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
   * Checks the next record of a known type; false after END.
   * @throws {StreamError} for damaged bytes
   */
  scan(): boolean {
    for (const before = this.count; !this.isEnded;) {
      this.step();
      if (this.count > before) return true;
    }
    return false;
  }

  /** The next record; null for none, or for one that only adds to an earlier one. */
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

  /** The real length of the next body; its header says `stated`. */
  protected bodyLength(_type: number, stated: number): number {
    return stated;
  }

  /** Reads the fields of a record. */
  protected abstract decode(type: number): Decoded;

  /** Whether so many bytes may follow the fields of a record. */
  protected abstract mayLeave(type: number, left: number): boolean;
}
