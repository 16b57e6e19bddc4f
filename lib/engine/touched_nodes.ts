import { FNV_PRIME, FNV_START } from "../store/node.ts";
import { OWN_KEY_MAX } from "../limits.ts";
import { SORTED_FROM, type Touched } from "./touched.ts";

/** The nodes that a transaction has touched, by path, in the order of first accesses. */
export class TouchedNodes {
  /** By the path, or by the hash of a long one, or by the next number that is free. */
  readonly #byKey = new Map<string | number, Touched>();

  get size(): number {
    return this.#byKey.size;
  }

  /** `hash` is that of {@link pathHash}, if the caller knows it. */
  get(path: string, hash?: number): Touched | undefined {
    if (path.length <= OWN_KEY_MAX) return this.#byKey.get(path);
    return this.#byKey.get(this.#key(path, hash));
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  /** Adds a node that is not there. */
  add(touched: Touched, hash?: number): void {
    const { path } = touched;
    this.#byKey.set(path.length <= OWN_KEY_MAX ? path : this.#key(path, hash), touched);
  }

  /** Where a long path is, or may be added. */
  #key(path: string, hash = pathHash(path)): number {
    for (let key = hash;; key++) {
      const found = this.#byKey.get(key);
      if (found === undefined || found.path === path) return key;
    }
  }

  values(): IterableIterator<Touched> {
    return this.#byKey.values();
  }

  clear(): void {
    this.#byKey.clear();
  }
}

/** The hash of the first `to` characters of a path, given that of the first `from`. */
export function pathHash(path: string, to = path.length, from = 0, hash = FNV_START): number {
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ path.charCodeAt(i), FNV_PRIME);
  return hash;
}

/**
 * In an order in which neighbours have most of their paths in common, so that a cursor finds all
 * of them in what they have of their own.
 */
export function inPathOrder(touched: TouchedNodes): Iterable<Touched> {
  if (touched.size < SORTED_FROM) return touched.values();
  const known = sorted.get(touched);
  // A commit needs the order several times. Nodes are only added, or all removed: so the same size means the same nodes.
  if (known !== undefined && known.length === touched.size) return known;
  const order = [...touched.values()].sort((a, b) => a.path < b.path ? -1 : 1);
  sorted.set(touched, order);
  return order;
}

const sorted = new WeakMap<TouchedNodes, readonly Touched[]>();
