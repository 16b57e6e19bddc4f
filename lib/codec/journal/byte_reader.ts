import { copyBytes, toText } from "../../wire/text.ts";

/** The bytes are not what a {@link ByteWriter} has written. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";
}

/** Reads what a {@link ByteWriter} wrote, never beyond its end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether all has been read. */
  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Everything that there is to read. */
  get all(): Uint8Array {
    return this.#bytes;
  }

  /** How far it has been read. */
  get at(): number {
    return this.#at;
  }

  /** Leaves out `same` if that comes next; false when it does not. */
  skipSame(same: Uint8Array): boolean {
    const at = this.#at;
    if (at + same.length > this.#bytes.length) return false;
    for (let i = 0; i < same.length; i++) if (this.#bytes[at + i] !== same[i]) return false;
    this.#at = at + same.length;
    return true;
  }

  /** Reads on from where it has been before. */
  goBack(at: number): void {
    this.#at = Math.min(at, this.#at);
  }

  /** Leaves out `size` bytes; returns where they begin. */
  skip(size: number): number {
    return this.#take(size);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** @throws {DamagedError} when it is none. */
  count(): number {
    const value = this.#view.getFloat64(this.#take(8), true);
    // A small one as the runtime keeps it in place: as a double each would take memory of its own.
    const small = value | 0;
    if (small === value && small >= 0) return small;
    if (!Number.isSafeInteger(value) || value < 0) throw new DamagedError(`invalid count ${value}`);
    return value;
  }

  text(): string {
    const length = this.u16();
    const at = this.#take(length);
    return toText(this.#bytes, at, at + length);
  }

  /** A copy. */
  bytes(): Uint8Array {
    const length = this.u32();
    const at = this.#take(length);
    return copyBytes(this.#bytes, at, at + length);
  }

  /** @throws {DamagedError} when fewer than `size` bytes are left. */
  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) {
      throw new DamagedError(`${size} bytes wanted at offset ${at} of ${this.#bytes.length}`);
    }
    this.#at = at + size;
    return at;
  }
}
