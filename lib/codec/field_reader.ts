import { STREAM_TEXT_BYTES_MAX } from "../limits.ts";
import { toText } from "../wire/text.ts";
import { StreamError } from "./errors.ts";

/**
 * Reads the fields of one record after the other, never beyond the record's end. What is wrong
 * becomes a {@link StreamError} that names the record.
 */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  /** Number and offset of the present record, and what messages call it. */
  number = 0;
  offset = 0;
  what = "";
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array, endian: "little" | "big") {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = endian === "little";
    this.#end = bytes.length;
  }

  get at(): number {
    return this.#at;
  }

  /** Bytes of the record that were not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Begins the record at `offset`, of which nothing is known yet but that it may go to the end. */
  begin(offset: number, number: number): void {
    this.offset = offset;
    this.number = number;
    this.what = "";
    this.#at = offset;
    this.#end = this.#bytes.length;
  }

  /** Names the record, and bounds it; `end` is within the bytes. */
  bound(end: number, what: string): void {
    this.#end = end;
    this.what = what;
  }

  /** Goes on at an offset within the record. */
  seek(offset: number): void {
    this.#at = offset;
  }

  u8(): number {
    return this.#bytes[this.#take(1, "a field of 1 byte")]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2, "a field of 2 bytes"), this.#littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, "a field of 4 bytes"), this.#littleEndian);
  }

  /** A file descriptor, or -1. */
  fd(): number {
    const fd = this.#view.getInt32(this.#take(4, "a file descriptor"), this.#littleEndian);
    if (fd < -1) this.fail(`invalid file descriptor ${fd} (a number from 0 up, or -1)`);
    return fd;
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8, "a field of 8 bytes"), this.#littleEndian);
  }

  /** The byte at `offset` of the file; to look ahead. */
  peek(offset: number): number | undefined {
    return this.#bytes[offset];
  }

  /** A view into the file, not a copy. */
  bytes(length: number, what: string): Uint8Array {
    const at = this.#take(length, what);
    return this.#bytes.subarray(at, at + length);
  }

  skip(length: number, what: string): void {
    this.#take(length, what);
  }

  /** Text whose length counts the NUL at its end, the only one in it. */
  textWithNul(length: number, what: string): string {
    if (length === 0) this.fail(`${what} has the length 0, which leaves no room for its NUL`);
    const at = this.#take(length, what);
    const end = at + length - 1;
    let nul = at;
    while (nul < end && this.#bytes[nul] !== 0) nul++;
    if (nul < end) {
      this.fail(`${what} of ${length} bytes has a NUL at its byte ${nul - at + 1}, before its end`);
    }
    if (this.#bytes[end] !== 0) this.fail(`${what} of ${length} bytes does not end with a NUL`);
    return toText(this.#bytes, at, end);
  }

  /** Text of a length that the older formats do not bound, without a NUL. */
  text(length: number, what: string): string {
    if (length > STREAM_TEXT_BYTES_MAX) {
      this.fail(`${what} has ${length} bytes: ${STREAM_TEXT_BYTES_MAX} at most`);
    }
    const at = this.#take(length, what);
    for (let i = at; i < at + length; i++) {
      if (this.#bytes[i] === 0) this.fail(`${what} has a NUL at its byte ${i - at + 1}`);
    }
    return toText(this.#bytes, at, at + length);
  }

  /** Text up to a NUL. */
  textToNul(what: string): string {
    let nul = this.#at;
    while (nul < this.#end && this.#bytes[nul] !== 0) nul++;
    if (nul === this.#end) this.fail(`${what} has no NUL before the record's end`);
    const text = toText(this.#bytes, this.#at, nul);
    this.#at = nul + 1;
    return text;
  }

  fail(problem: string): never {
    throw new StreamError(problem, this.offset, this.number, this.what);
  }

  #take(length: number, what: string): number {
    const at = this.#at;
    if (at + length > this.#end) this.#short(length, what);
    this.#at = at + length;
    return at;
  }

  #short(length: number, what: string): never {
    const end = this.#end === this.#bytes.length ? "the file" : "the record";
    this.fail(`${what} needs ${length} bytes at offset ${this.#at}, ${end} has ${this.left} left`);
  }
}
