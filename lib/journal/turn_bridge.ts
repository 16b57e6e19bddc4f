import { ByteReader } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";

/**
 * Turns are numbered without a gap, but for one that follows a turn which may or may not be in the
 * store file: an attempt to write it has failed, which does not say that nothing of it is there.
 * That one has a number above all that were tried, and tells behind which turn it may come, whether
 * or not those between are found. Its changes begin with this byte, no kind of change's
 * (codec/journal/changes.ts), and the number of the former turn (f64).
 */
const BRIDGE = 0x7f;
const BRIDGE_BYTES = 9;

/** `changes` that may come behind turn `after`, and behind any up to their own. */
export function bridged(changes: Uint8Array, after: number): Uint8Array<ArrayBuffer> {
  const to = new ByteWriter(BRIDGE_BYTES + changes.length);
  to.u8(BRIDGE);
  to.count(after);
  const bytes = new Uint8Array(BRIDGE_BYTES + changes.length);
  bytes.set(to.written);
  bytes.set(changes, BRIDGE_BYTES);
  return bytes;
}

/** Behind which turn a turn with these changes may come at the earliest. */
export function followed(turn: number, changes: Uint8Array): number {
  if (changes[0] !== BRIDGE) return turn - 1;
  return new ByteReader(changes.subarray(1)).count();
}

/** The changes alone. */
export function unbridged(changes: Uint8Array): Uint8Array {
  return changes[0] === BRIDGE ? changes.subarray(BRIDGE_BYTES) : changes;
}
