import { namesOf } from "./names.ts";
import { FNV_PRIME, FNV_START } from "./node.ts";

/**
 * Paths, of which is asked whether one of them is above another: what that costs is the depth of
 * the path asked for, however many there are.
 */
export class PathSet {
  /** By a hash of all their names. */
  #byHash: Map<number, string[]> | null = null;

  /** Adds a path that is not there yet, and is not the root's. */
  add(path: string): void {
    const { count, hashes } = namesOf(path);
    let hash = FNV_START;
    for (let i = 0; i < count; i++) hash = joined(hash, hashes[i]!);
    const byHash = this.#byHash ??= new Map();
    const alike = byHash.get(hash);
    if (alike === undefined) byHash.set(hash, [path]);
    else alike.push(path);
  }

  /** Whether a path above `path`, other than itself, is among them. */
  hasAbove(path: string): boolean {
    const byHash = this.#byHash;
    if (byHash === null) return false;
    const { count, ends, hashes } = namesOf(path);
    let hash = FNV_START;
    for (let i = 0; i < count - 1; i++) {
      hash = joined(hash, hashes[i]!);
      const alike = byHash.get(hash);
      if (alike !== undefined && alike.some((top) => isTop(top, path, ends[i]!))) return true;
    }
    return false;
  }
}

function joined(hash: number, name: number): number {
  return Math.imul(hash ^ name, FNV_PRIME);
}

function isTop(top: string, path: string, length: number): boolean {
  return top.length === length && path.slice(0, length) === top;
}
