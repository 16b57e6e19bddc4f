import { INPUT_BYTES_MAX, OUTPUT_BYTES_FIRST, SPARE_BUFFERS_MAX } from "../../limits.ts";

/** Bytes of a pooled buffer: it serves as input and as first output buffer. */
const POOLED_BYTES = Math.max(INPUT_BYTES_MAX, OUTPUT_BYTES_FIRST);

const spare: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of old bytes: an idle client then needs none of its own. */
export function takeBuffer(): Uint8Array<ArrayBuffer> {
  return spare.pop() ?? new Uint8Array(POOLED_BYTES);
}

/** Hands a buffer back. One that has grown, or is one too many, goes to the garbage collector. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === POOLED_BYTES && spare.length < SPARE_BUFFERS_MAX) spare.push(buffer);
}

/** Leaves those at hand to the garbage collector: an idle daemon needs none. */
export function dropSpareBuffers(): void {
  spare.length = 0;
}
