import { putBytes, putText } from "../../wire/text.ts";

/** Bytes appended to a buffer that grows and is used again. All numbers are little endian. */
export class ByteWriter {
  readonly #first: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.#first = capacity;
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What has been written; valid until the next write. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  /** Gives up the memory by which it has grown, if it is empty. */
  dropSpare(): void {
    if (this.length > 0 || this.#bytes.length === this.#first) return;
    this.#bytes = new Uint8Array(this.#first);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  u64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value, true);
  }

  /** A whole number up to 2^53. */
  count(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value, true);
  }

  /** Text of one byte a character, with its length (16 bits) before it. */
  text(text: string): void {
    this.u16(text.length);
    const at = this.#room(text.length);
    putText(this.#bytes, at, text);
  }

  /** As {@link text}, of what is behind the first `from` characters. */
  textFrom(text: string, from: number): void {
    const length = text.length - from;
    this.u16(length);
    const at = this.#room(length) - from;
    const bytes = this.#bytes;
    for (let i = from; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  }

  /** As {@link textFrom}, with `before` in front of it. */
  partOf(before: string, text: string, from: number): void {
    const length = before.length + text.length - from;
    this.u16(length);
    let at = this.#room(length);
    const bytes = this.#bytes;
    for (let i = 0; i < before.length; i++) bytes[at++] = before.charCodeAt(i);
    for (let i = from; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  }

  /** Bytes with their length (32 bits) before them. */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    putBytes(this.#bytes, at, bytes);
  }

  /** Returns the buffer, with room for `size` bytes from {@link length} on. The caller writes there, and then calls {@link wrote} with the end. */
  room(size: number): Uint8Array<ArrayBuffer> {
    if (this.length + size > this.#bytes.length) this.#grow(this.length + size);
    return this.#bytes;
  }

  wrote(to: number): void {
    this.length = to;
  }

  /** Makes room first, since that may replace both the bytes and their view. */
  #room(size: number): number {
    const at = this.length;
    this.length = at + size;
    if (this.length > this.#bytes.length) this.#grow(this.length);
    return at;
  }

  #grow(size: number): void {
    let capacity = this.#bytes.length;
    while (capacity < size) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
