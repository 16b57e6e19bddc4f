import { MALFORMED_BYTES_MAX, VIEWED_BYTES_MAX } from "../../limits.ts";
import type { Transport } from "../../transport/transport.ts";
import { wholeMessage } from "../../wire/framing.ts";
import { HEADER_SIZE } from "../../wire/header.ts";
import { giveBuffer, takeBuffer } from "./buffer_pool.ts";

const NOTHING = new Uint8Array(0);

/** All peers read into this one: whatever is left over is copied to a buffer of their own. */
export const sharedInput: Uint8Array<ArrayBuffer> = takeBuffer();

const views: Uint8Array[] = [];

/** The payload of the request at `from`, of `size` bytes with its header; only valid for now. */
export function payloadIn(bytes: Uint8Array, from: number, size: number): Uint8Array {
  if (from > 0 || size > VIEWED_BYTES_MAX || bytes !== sharedInput) {
    return bytes.subarray(from + HEADER_SIZE, from + size);
  }
  return views[size] ??= bytes.subarray(HEADER_SIZE, size);
}

/** What one client has sent and nobody has handled: requests, of which the last may be a part. */
export class PeerInput {
  /** The peer's own buffer; null when nothing is left over. */
  own: Uint8Array<ArrayBuffer> | null = null;
  /** Where in its own buffer, or in the shared one while a step is under way, the requests are. */
  start = 0;
  end = 0;
  /** The last read got all it had room for: more may be there, and nobody will announce it. */
  more = false;
  /** The beginning of a message that was too long; null for none. */
  rejected: Uint8Array | null = null;
  /** When it last read, in ms. */
  readAt = 0;

  /** Whether there is a whole request, or one that is too long. */
  get hasWhole(): boolean {
    return this.own !== null && wholeMessage(this.own, this.start, this.end) > 0;
  }

  /**
   * Reads once at `now`: behind what is left over, else into the shared buffer. Returns the number of bytes;
   * 0 when there is nothing now, negative when nothing will come any more.
   */
  read(transport: Transport, now: number): number {
    const { own } = this;
    this.readAt = now;
    if (own === null) {
      const count = transport.read(sharedInput, 0, sharedInput.length);
      this.more = count === sharedInput.length;
      if (count > 0) {
        this.start = 0;
        this.end = count;
      }
      return count;
    }
    this.#compact(own);
    const count = transport.read(own, this.end, own.length);
    if (count > 0) this.end += count;
    this.more = count > 0 && this.end === own.length;
    return count;
  }

  /** Drops what is there in `bytes`, which begins with a message that is too long. */
  reject(bytes: Uint8Array): void {
    this.rejected = bytes.slice(this.start, Math.min(this.end, this.start + MALFORMED_BYTES_MAX));
    this.drop();
  }

  /** Makes room behind what is there. */
  #compact(own: Uint8Array<ArrayBuffer>): void {
    if (this.start === 0) return;
    own.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }

  /** Keeps what was not handled of `bytes` in a buffer of the peer's own. */
  keepRest(bytes: Uint8Array<ArrayBuffer>): void {
    const length = this.end - this.start;
    if (length === 0) {
      this.drop();
    } else if (bytes === sharedInput) {
      const own = this.own = takeBuffer();
      own.set(bytes.subarray(this.start, this.end));
      this.start = 0;
      this.end = length;
    }
  }

  /** Takes bytes that another process has read in place of what is there. */
  replace(bytes: Uint8Array): void {
    this.drop();
    if (bytes.length === 0) return;
    const buffer = takeBuffer();
    // More than a buffer only from a daemon that keeps whole requests without bound.
    this.own = bytes.length < buffer.length ? buffer : new Uint8Array(2 * bytes.length);
    this.own.set(bytes);
    this.end = bytes.length;
  }

  /** A copy of what is there. */
  copy(): Uint8Array {
    return this.own === null ? NOTHING : this.own.slice(this.start, this.end);
  }

  drop(): void {
    if (this.own !== null) giveBuffer(this.own);
    this.own = null;
    this.start = 0;
    this.end = 0;
  }
}
