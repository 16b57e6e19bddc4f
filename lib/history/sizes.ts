/** Estimates the bytes of records in a block: a path that shares its beginning with the previous one takes little. */
import { sharedLength } from "../wire/text.ts";

/** The shared beginning of a path is not written, but takes memory when it is read: each byte counts as an eighth. */
const SHARED_SHIFT = 3;

/** Bytes of a path that follows the path `before`. */
export function pathBytes(path: string, before: string): number {
  const shared = sharedLength(before, path);
  return path.length - shared + (shared >> SHARED_SHIFT);
}
