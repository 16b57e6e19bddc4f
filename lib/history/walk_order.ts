/** The order of a walk, and of the paths in a keyframe: parents before children, siblings by name. */
import { sharedLength, toBytes, toText } from "../wire/text.ts";

const SLASH = 0x2f;
/** Stands for a slash in a key, so that it comes before all characters of names. */
const SLASH_RANK = 1;

/** The key of a path: keys in the order of their bytes are paths in the order of a walk. */
export function walkKey(path: string): Uint8Array {
  const key = toBytes(path);
  for (let i = 0; i < key.length; i++) if (key[i] === SLASH) key[i] = SLASH_RANK;
  return key;
}

/** The path of a key. */
export function pathOfKey(key: Uint8Array): string {
  const path = key.slice();
  for (let i = 0; i < path.length; i++) if (path[i] === SLASH_RANK) path[i] = SLASH;
  return toText(path);
}

/** Negative when `a` comes before `b`. For long paths this takes a hundredth of the time of two keys. */
export function compareInWalk(a: string, b: string): number {
  const at = sharedLength(a, b);
  if (at === a.length || at === b.length) return a.length - b.length;
  return rankAt(a, at) - rankAt(b, at);
}

function rankAt(path: string, at: number): number {
  const code = path.charCodeAt(at);
  return code === SLASH ? SLASH_RANK : code;
}

/** Sorts pairs by their paths, in the order of a walk, and returns their second parts. */
export function inWalkOrder<T>(items: readonly (readonly [path: string, item: T])[]): T[] {
  return [...items].sort(([a], [b]) => compareInWalk(a, b)).map(([, item]) => item);
}
