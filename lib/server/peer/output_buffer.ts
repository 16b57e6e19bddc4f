import { encodeHeader, getU32, HEADER_SIZE } from "../../wire/header.ts";
import { MessageType } from "../../wire/message_type.ts";
import { putText } from "../../wire/text.ts";
import type { Transport } from "../../transport/transport.ts";
import { giveBuffer, takeBuffer } from "./buffer_pool.ts";

/** Where a header has the length of what follows it. */
const LENGTH_AT = 12;

const NOTHING = new Uint8Array(0);

/** Up to here a loop copies faster than `set` gets going. */
const LOOP_COPY_MAX = 32;

/**
 * Messages waiting to leave, as bytes in sending order. It grows as needed: whoever adds to it
 * checks {@link length} against a bound. An empty one holds no memory.
 */
export class OutputBuffer {
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  #start = 0;
  #end = 0;
  #sent = 0;
  /** Where the message ends of which the next byte is to be sent, counted in all bytes ever sent. */
  #boundary = 0;

  /** Bytes not sent yet. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** All bytes ever sent. */
  get sent(): number {
    return this.#sent;
  }

  /** All bytes ever added. */
  get added(): number {
    return this.#sent + this.length;
  }

  /** How many bytes are left of a message that was sent in part; 0 when none was. */
  get partial(): number {
    return Math.max(0, this.#boundary - this.#sent);
  }

  /** Adds a message with a copy of `payload`. */
  addMessage(type: number, reqId: number, txId: number, payload: Uint8Array): void {
    const length = payload.length;
    const bytes = this.#room(HEADER_SIZE + length);
    const at = this.#end;
    encodeHeader(bytes, at, type, reqId, txId, length);
    if (length <= LOOP_COPY_MAX) {
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

  /** Writes what `transport` takes now. Returns the number of bytes; negative if it is dead. */
  sendTo(transport: Transport): number {
    if (this.#bytes === null) return 0;
    const count = transport.write(this.#bytes, this.#start, this.#end);
    if (count <= 0) return count;
    this.#start += count;
    this.#sent += count;
    if (this.#start === this.#end) this.#release();
    else this.#findBoundary(this.#bytes);
    return count;
  }

  /** Walks to the end of the message that has been sent in part; what was sent is still there. */
  #findBoundary(bytes: Uint8Array): void {
    let at = this.#start - (this.#sent - this.#boundary);
    while (at < this.#start) at += HEADER_SIZE + getU32(bytes, at + LENGTH_AT);
    this.#boundary = this.#sent + at - this.#start;
  }

  /** A copy of the last `count` bytes, none of which has been sent. */
  last(count: number): Uint8Array {
    return this.#bytes === null ? NOTHING : this.#bytes.slice(this.#end - count, this.#end);
  }

  /**
   * Adds bytes that were once owed already, to an empty buffer. The first `partial` of them are
   * the rest of a message; where that is not known, all are taken for it.
   */
  addBytes(bytes: Uint8Array, partial = bytes.length): void {
    if (bytes.length === 0) return;
    this.#boundary = this.#sent + partial;
    const target = this.#room(bytes.length);
    target.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#sent += this.length;
    this.#release();
  }

  #release(): void {
    this.#boundary = this.#sent;
    if (this.#bytes !== null) giveBuffer(this.#bytes);
    this.#bytes = null;
    this.#start = 0;
    this.#end = 0;
  }

  /** The buffer, with room for `count` bytes behind the end. */
  #room(count: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes ??= takeBuffer();
    if (this.#end + count <= bytes.length) return bytes;
    const length = this.length;
    // Moving is only worth it, over all messages, when it wins at least half of the buffer.
    if (length + count <= bytes.length && this.#start >= bytes.length / 2) {
      bytes.copyWithin(0, this.#start, this.#end);
    } else {
      let size = bytes.length * 2;
      while (size < length + count) size *= 2;
      this.#bytes = new Uint8Array(size);
      this.#bytes.set(bytes.subarray(this.#start, this.#end));
      giveBuffer(bytes);
    }
    this.#start = 0;
    this.#end = length;
    return this.#bytes!;
  }
}
