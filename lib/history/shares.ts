/** Whose records take how much: an author that does much must not push out what others did. */
import type { ProcessAuthor } from "../engine/author.ts";
import { programOf } from "./filter.ts";
import type { Author } from "./record.ts";

/**
 * Who is one author where it is told how much each has: a domain while it lives, and all runs of one program of a user, since each
 * run is an author of its own. Some of these share a part of the bound: see lives.ts.
 */
export function holderOf(author: Author): string {
  switch (author.kind) {
    case "domain":
      return `domain ${author.domid} ${author.uniqueId}`;
    case "process":
      return programHolder(author);
    default:
      return author.kind;
  }
}

/** A process has one author for all that it does on one connection. */
const known = new WeakMap<ProcessAuthor, string>();

function programHolder(author: ProcessAuthor): string {
  const holder = known.get(author);
  if (holder !== undefined) return holder;
  const found = `program ${author.uid} ${programOf(author.command ?? "")}`;
  known.set(author, found);
  return found;
}

/** The bytes of each holder in a block, as two lists of the same length. The daemon keeps thousands of these; pairs take four times as much. */
export interface HolderBytes {
  readonly holders: readonly string[];
  readonly bytes: readonly number[];
}

/** Makes the lists of pairs. With `known`, all lists share one text for each holder. */
export function holderBytes(
  pairs: Iterable<readonly [string, number]>,
  known?: Map<string, string>,
): HolderBytes {
  const all = [...pairs];
  return {
    holders: all.map(([holder]) => known?.getOrInsert(holder, holder) ?? holder),
    bytes: all.map(([, bytes]) => bytes),
  };
}

/** As pairs again. */
export function pairsOf({ bytes, holders }: HolderBytes): [string, number][] {
  return holders.map((holder, i) => [holder, bytes[i]!]);
}

/** Bytes by their holders. */
export class Shares {
  readonly #bytes = new Map<string, number>();

  add(holder: string, bytes: number): void {
    this.#bytes.set(holder, (this.#bytes.get(holder) ?? 0) + bytes);
  }

  /**
   * Those with the most, the first of all first, of which `bytes` have to go so that all that are left with as much have the same,
   * and no one else loses any: as water that is drained off stands level.
   */
  above(bytes: number): string[] {
    const all = [...this.#bytes].filter(([holder]) => holder !== "pruned")
      .sort(([, a], [, b]) => b - a);
    let sum = 0;
    for (const [i, [, share]] of all.entries()) {
      // If the first i came down to this one's share, that would be enough.
      if (sum - i * share >= bytes) return all.slice(0, i).map(([holder]) => holder);
      sum += share;
    }
    return sum > bytes ? all.map(([holder]) => holder) : [];
  }
}
