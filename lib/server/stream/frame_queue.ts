import { STREAM_QUEUE_BYTES, STREAM_ROOM_AGAIN_BYTES } from "../../limits.ts";
import { FRAME_HEADER_BYTES, FrameKind, putFrameHead } from "../../wire/stream_frame.ts";
import type { Transport } from "../../transport/transport.ts";

const lossFrame = new Uint8Array(FRAME_HEADER_BYTES);

/**
 * The frames that one reader has not taken, in a ring of {@link STREAM_QUEUE_BYTES}. Frames that do not fit are
 * counted, and a frame says how many before the next one that does.
 */
export class FrameQueue {
  readonly #bytes = new Uint8Array(STREAM_QUEUE_BYTES);
  /** Bytes ever taken and ever added. */
  #taken = 0;
  #added = 0;
  #lost = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#added - this.#taken;
  }

  /** Whether frames are being lost, until much has been taken. */
  get isFull(): boolean {
    return this.#lost > 0 && this.#bytes.length - this.length < STREAM_ROOM_AGAIN_BYTES;
  }

  /** One frame more is lost. */
  lose(): void {
    this.#lost++;
  }

  /**
   * Whether there is room for a frame of `bytes`; else one more is lost. Behind a loss there is none before
   * much has been taken: a reader who is slow costs no more than this question.
   */
  hasRoom(bytes: number, now: number): boolean {
    const room = this.#bytes.length - this.length;
    const need = this.#lost === 0 ? bytes : bytes + STREAM_ROOM_AGAIN_BYTES;
    if (room < need) {
      this.#lost++;
      return false;
    }
    if (this.#lost > 0) this.#tellLoss(now);
    return true;
  }

  #tellLoss(now: number): void {
    putFrameHead(lossFrame, FRAME_HEADER_BYTES, {
      kind: FrameKind.LOST,
      flags: 0,
      number: this.#lost,
      connection: 0,
      at: now,
      waitedUs: 0,
      tookUs: 0,
    });
    this.#lost = 0;
    this.add(lossFrame, FRAME_HEADER_BYTES);
  }

  /** Adds the first `length` bytes of `from`, for which there is room. */
  add(from: Uint8Array, length: number): void {
    const bytes = this.#bytes;
    const at = this.#added % bytes.length;
    const first = Math.min(length, bytes.length - at);
    bytes.set(from.subarray(0, first), at);
    if (first < length) bytes.set(from.subarray(first, length), 0);
    this.#added += length;
  }

  /** Writes what `transport` takes now. False when it is dead. */
  sendTo(transport: Transport, now: number): boolean {
    const bytes = this.#bytes;
    while (this.length > 0) {
      const at = this.#taken % bytes.length;
      const end = Math.min(bytes.length, at + this.length);
      const count = transport.write(bytes, at, end);
      if (count < 0) return false;
      this.#taken += count;
      if (at + count < end) break;
      // A reader who has caught up hears of its loss although nothing follows.
      if (this.length === 0 && this.#lost > 0) this.#tellLoss(now);
    }
    return true;
  }
}
