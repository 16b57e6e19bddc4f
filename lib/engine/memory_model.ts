import { DOMAIN_ALLOWANCE_BYTES } from "../limits.ts";
import { NODE_BYTES } from "../store/node.ts";
import type { Quotas } from "./quotas.ts";

/**
 * What the daemon's structures cost in memory, in bytes of V8's heap and, for values, outside of it:
 * measured, and compared with the real heap by tests/engine/memory_model_test.ts. What a structure
 * costs besides is counted where it stands: paths, tokens and values by the `memory` quota's own
 * formula (reference section 7.3), which this model adds to.
 */
export { NODE_BYTES };

/** A watch without its texts, with its share of the trie. */
export const WATCH_BYTES = 360;

/** A transaction that has done nothing yet. */
export const TRANSACTION_BYTES = 800;

/** A node that a transaction remembers, without its path. */
export const TOUCHED_BYTES = 180;

/** The names of a path that a transaction remembers, which it may be the last to keep. */
export function namesBytes(count: number): number {
  return 160 + 16 * count;
}

/** A client's connection, with what its domain's record takes. */
export const CONNECTION_BYTES = 1_000;

/** A watch with its texts, beyond what the `memory` quota counts: the trie has the path once more. */
export function watchOverhead(path: string): number {
  return WATCH_BYTES + path.length;
}

/**
 * How much a domain may cost in bytes of this model; Infinity where its quota is off. A quarter more
 * than the quota, and 64 KiB: room for what C xenstored's formula leaves out of 1,000 nodes and 128
 * watches, so that a guest which keeps within C's quotas meets no other bound.
 */
export function costMax(quotas: Quotas): number {
  const quota = quotas.get("memory");
  return quota === 0 ? Infinity : quota + quota / 4 + DOMAIN_ALLOWANCE_BYTES;
}
