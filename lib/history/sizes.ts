/** Estimates the bytes of records in a block: a path that shares its beginning with the previous one takes little. */
import { sharedLength } from "../wire/text.ts";
import type { NodeState } from "./record.ts";

/** Bytes of a change beside its path and values, about. */
export const CHANGE_BYTES = 24;

/** The shared beginning of a path is not written, but takes memory when it is read: each byte counts as an eighth. */
const SHARED_SHIFT = 3;

/** Bytes of a path that follows the path `before`. */
function pathBytes(path: string, before: string): number {
  return pathWeight(path.length, sharedLength(before, path));
}

/** Bytes of a path that follows another one, or none. */
export type WeighPath<P> = (path: P, before: P | null) => number;

export const weighText: WeighPath<string> = (path, before) => pathBytes(path, before ?? "");

/** Bytes of a path of `length` characters that shares the first `shared` with the previous one. */
export function pathWeight(length: number, shared: number): number {
  return length - shared + (shared >> SHARED_SHIFT);
}

/** Bytes of a node's value, as far as it is kept. */
export function valueBytes(node: NodeState | null): number {
  return node !== null && node.value instanceof Uint8Array ? node.value.length : 0;
}
