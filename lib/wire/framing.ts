import { getU32, HEADER_SIZE, PAYLOAD_MAX } from "./header.ts";

/** Bytes of the whole message at `start`: 0 if it is not all there, -1 if it is too long. */
export function wholeMessage(bytes: Uint8Array, start: number, end: number): number {
  const available = end - start;
  if (available < HEADER_SIZE) return 0;
  const length = getU32(bytes, start + 12);
  if (length > PAYLOAD_MAX) return -1;
  return HEADER_SIZE + length <= available ? HEADER_SIZE + length : 0;
}
