import { STREAM_CHUNK_BYTES } from "../limits.ts";
import { joinBytes } from "../wire/text.ts";

/**
 * Bytes of a stream on their way out, in chunks, so that a large one is neither copied when it
 * grows nor held as a whole by who writes it in slices. Numbers have the byte order given.
 */

export class ChunkWriter {
  readonly #littleEndian: boolean;
  #done: Uint8Array<ArrayBuffer>[] = [];
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #from = 0;
  #at = 0;
  #before = 0;

  constructor(endian: "little" | "big") {
    this.#littleEndian = endian === "little";
  }

  /** Bytes written in all. */
  get length(): number {
    return this.#before + this.#at;
  }

  /** Makes room for `size` bytes in one piece, all zero. To be called before they are put. */
  reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    this.#flush();
    this.#before += this.#at;
    this.#bytes = new Uint8Array(Math.max(STREAM_CHUNK_BYTES, size));
    this.#view = new DataView(this.#bytes.buffer);
    this.#from = 0;
    this.#at = 0;
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, this.#littleEndian);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, this.#littleEndian);
    this.#at += 4;
  }

  /** 32 bits in big endian, whatever the order of the rest. */
  u32Big(value: number): void {
    this.#view.setUint32(this.#at, value, false);
    this.#at += 4;
  }

  u64(value: bigint): void {
    this.#view.setBigUint64(this.#at, value, this.#littleEndian);
    this.#at += 8;
  }

  /** One byte a character; the caller has checked that each fits one. */
  text(text: string): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Leaves `size` bytes zero. */
  skip(size: number): void {
    this.#at += size;
  }

  /** What was written since the last call; the writer does not touch it again. */
  take(): Uint8Array<ArrayBuffer>[] {
    this.#flush();
    const chunks = this.#done;
    this.#done = [];
    return chunks;
  }

  #flush(): void {
    if (this.#at > this.#from) this.#done.push(this.#bytes.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}

/** Chunks in one piece. */
export function joinChunks<B extends ArrayBufferLike>(
  chunks: readonly Uint8Array<B>[],
): Uint8Array<B | ArrayBuffer> {
  return chunks.length === 1 ? chunks[0]! : joinBytes(chunks);
}
