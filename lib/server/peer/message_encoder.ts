import { LOOP_COPY_BYTES_MAX, OUTPUT_CHUNK_BYTES } from "../../limits.ts";
import { encodeHeader, getU32, HEADER_SIZE } from "../../wire/header.ts";
import { MessageType } from "../../wire/message_type.ts";
import { putText } from "../../wire/text.ts";
import type { Transport } from "../../transport/transport.ts";
import { giveBuffer, takeBuffer } from "./buffer_pool.ts";
import type { EventBytes } from "./repeated_events.ts";

/** Where a header has the length of what follows it. */
const LENGTH_AT = 12;

const NOTHING = new Uint8Array(0);

/** Whole messages one behind the other, the first byte of which is the `from`th of all ever added. */
interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly end: number;
}

/**
 * Messages waiting to leave, as bytes in sending order. It grows as needed, by chunks, so that nothing
 * is moved: the caller that adds to it checks {@link length} against a bound. An empty one holds no memory.
 */
export class MessageEncoder implements EventBytes {
  /** Chunks that had no room for the next message, in their order. */
  readonly #full: Chunk[] = [];
  /** The chunk behind those, where messages are added. */
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  #from = 0;
  #end = 0;
  #sent = 0;
  /** Where the message ends of which the next byte must be sent, counted in all bytes ever sent. */
  #boundary = 0;
  /** Where that message begins, as far as it is there. */
  #begun = 0;

  /** Bytes not sent yet. */
  get length(): number {
    return this.#from + this.#end - this.#sent;
  }

  /** All bytes ever sent. */
  get sent(): number {
    return this.#sent;
  }

  /** All bytes ever added. */
  get added(): number {
    return this.#from + this.#end;
  }

  /** How many bytes are left of a message that was sent in part; 0 when none was. */
  get partial(): number {
    return Math.max(0, this.#boundary - this.#sent);
  }

  /** How many bytes have been sent of that message, and are still there. */
  get begun(): number {
    return this.partial > 0 ? this.#sent - this.#begun : 0;
  }

  /** Adds a message with a copy of `payload`. */
  addMessage(type: number, reqId: number, txId: number, payload: Uint8Array): void {
    const length = payload.length;
    const bytes = this.#room(HEADER_SIZE + length);
    const at = this.#end;
    encodeHeader(bytes, at, type, reqId, txId, length);
    if (length <= LOOP_COPY_BYTES_MAX) {
      for (let i = 0; i < length; i++) bytes[at + HEADER_SIZE + i] = payload[i]!;
    } else {
      bytes.set(payload, at + HEADER_SIZE);
    }
    this.#end = at + HEADER_SIZE + length;
  }

  /** Adds a WATCH_EVENT: path and token, each with its NUL. */
  addEvent(path: string, token: string): void {
    const length = path.length + token.length + 2;
    const bytes = this.#room(HEADER_SIZE + length);
    encodeHeader(bytes, this.#end, MessageType.WATCH_EVENT, 0, 0, length);
    let at = putText(bytes, this.#end + HEADER_SIZE, path);
    bytes[at++] = 0;
    at = putText(bytes, at, token);
    bytes[at++] = 0;
    this.#end = at;
  }

  /** See {@link EventBytes}. A message that was sent in part is still there. */
  isEvent(end: number, path: string, token: string): boolean {
    const full = end > this.#from ? null : this.#fullOf(end);
    const bytes = full === null ? this.#bytes! : full.bytes;
    const from = full === null ? this.#from : full.from;
    const length = path.length + token.length + 2;
    let at = end - from - length - HEADER_SIZE;
    // An event has two NULs in a row only in its header and at its end: this is its header, or nothing.
    if (at < 0 || bytes[at] !== MessageType.WATCH_EVENT) return false;
    if (getU32(bytes, at + LENGTH_AT) !== length) return false;
    at += HEADER_SIZE;
    // From its end on, as paths of one client mostly begin alike.
    for (let i = path.length - 1; i >= 0; i--) {
      if (bytes[at + i] !== path.charCodeAt(i)) return false;
    }
    at += path.length;
    if (bytes[at++] !== 0) return false;
    for (let i = 0; i < token.length; i++) if (bytes[at + i] !== token.charCodeAt(i)) return false;
    return bytes[at + token.length] === 0;
  }

  copy(at: number, length: number, into: Uint8Array): void {
    const full = at >= this.#from ? null : this.#fullOf(at + length);
    const start = at - (full === null ? this.#from : full.from);
    const bytes = full === null ? this.#bytes! : full.bytes;
    into.set(bytes.subarray(start, start + length));
  }

  /** The full chunk in which a message that is not wholly sent ends, or a byte of it. */
  #fullOf(end: number): Chunk {
    let [low, high] = [0, this.#full.length - 1];
    while (low < high) {
      const middle = low + high + 1 >> 1;
      if (this.#full[middle]!.from < end) low = middle;
      else high = middle - 1;
    }
    return this.#full[low]!;
  }

  /** Writes what `transport` takes now. Returns the number of bytes; negative if it is dead. */
  sendTo(transport: Transport): number {
    const before = this.#sent;
    while (this.#full.length > 0) {
      const { bytes, end, from } = this.#full[0]!;
      const count = transport.write(bytes, this.#sent - from, end);
      if (count < 0) return count;
      this.#sent += count;
      if (this.#sent < from + end) {
        this.#findBoundary(bytes, from);
        return this.#sent - before;
      }
      this.#full.shift();
      this.#boundary = this.#sent;
      giveBuffer(bytes);
    }
    if (this.#bytes === null) return this.#sent - before;
    const count = transport.write(this.#bytes, this.#sent - this.#from, this.#end);
    if (count < 0) return count;
    this.#sent += count;
    if (this.length === 0) this.#release();
    else this.#findBoundary(this.#bytes, this.#from);
    return this.#sent - before;
  }

  /** Walks to the end of the message that has been sent in part; what was sent is still there. */
  #findBoundary(bytes: Uint8Array, from: number): void {
    let at = this.#boundary - from;
    const sent = this.#sent - from;
    while (at < sent) {
      this.#begun = from + at;
      at += HEADER_SIZE + getU32(bytes, at + LENGTH_AT);
    }
    this.#boundary = from + at;
  }

  /** A copy of the last `count` bytes, of which at most {@link begun} have been sent. */
  last(count: number): Uint8Array {
    if (this.#bytes === null) return NOTHING;
    if (count <= this.#end) return this.#bytes.slice(this.#end - count, this.#end);
    const copy = new Uint8Array(count);
    const first = this.added - count;
    for (const { bytes, end, from } of this.#full) {
      if (from + end <= first) continue;
      copy.set(bytes.subarray(Math.max(0, first - from), end), Math.max(0, from - first));
    }
    copy.set(this.#bytes.subarray(0, this.#end), this.#from - first);
    return copy;
  }

  /**
   * Adds bytes that were once owed already, to an empty buffer. The first `partial` of them are
   * the rest of a message, of which `begun` before those have been sent; where that is not known, all
   * are taken for it.
   */
  addBytes(bytes: Uint8Array, partial = bytes.length, begun = 0): void {
    if (bytes.length === 0) return;
    this.#boundary = this.#sent + partial;
    this.#begun = this.#from = this.#sent - begun;
    this.#room(bytes.length).set(bytes);
    this.#end = bytes.length;
  }

  /** Forgets what was not sent. */
  clear(): void {
    for (const { bytes } of this.#full) giveBuffer(bytes);
    this.#full.length = 0;
    this.#sent = this.added;
    this.#release();
  }

  #release(): void {
    this.#boundary = this.#sent;
    if (this.#bytes !== null) giveBuffer(this.#bytes);
    this.#bytes = null;
    this.#from = this.#sent;
    this.#end = 0;
  }

  /** The last chunk, with room for `count` bytes behind its end. */
  #room(count: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes;
    if (bytes === null) {
      const first = takeBuffer();
      if (count <= first.length) return this.#bytes = first;
      giveBuffer(first);
      return this.#bytes = new Uint8Array(count);
    }
    if (this.#end + count <= bytes.length) return bytes;
    if (this.#end > 0) this.#full.push({ bytes, from: this.#from, end: this.#end });
    this.#from += this.#end;
    this.#end = 0;
    return this.#bytes = new Uint8Array(Math.max(count, OUTPUT_CHUNK_BYTES));
  }
}
