/** What records take in a block, about: paths that go on where the one before ended take little. */
import { sharedLength } from "../wire/text.ts";

/** What a path has in common with the one before is not written, but read into memory: a byte counts as an eighth. */
const SHARED_SHIFT = 3;

/** Bytes of a path behind another one. */
export function pathBytes(path: string, before: string): number {
  const shared = sharedLength(before, path);
  return path.length - shared + (shared >> SHARED_SHIFT);
}
