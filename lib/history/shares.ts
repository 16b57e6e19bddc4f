/** Whose records take how much: an author that does much must not push out what others did. */
import { programOf } from "./filter.ts";
import type { Author } from "./record.ts";

/**
 * Which authors share a part of the bound: all that a domain did while it lived; of the control domain's processes, all runs
 * of one program, since each run is an author of its own.
 */
export function holderOf(author: Author): string {
  switch (author.kind) {
    case "domain":
      return `domain ${author.domid} ${author.uniqueId}`;
    case "process":
      return `program ${author.uid} ${programOf(author.command ?? "")}`;
    default:
      return author.kind;
  }
}

/** Bytes by their holders. */
export class Shares {
  readonly #bytes = new Map<string, number>();

  add(holder: string, bytes: number): void {
    const sum = (this.#bytes.get(holder) ?? 0) + bytes;
    if (sum === 0) this.#bytes.delete(holder);
    else this.#bytes.set(holder, sum);
  }

  addAll(shares: Iterable<readonly [string, number]>, sign: 1 | -1): void {
    for (const [holder, bytes] of shares) this.add(holder, sign * bytes);
  }

  get(holder: string): number {
    return this.#bytes.get(holder) ?? 0;
  }

  /** The holder of most, of those that can be thinned. */
  largest(): { readonly holder: string; readonly bytes: number } | null {
    let found: { holder: string; bytes: number } | null = null;
    for (const [holder, bytes] of this.#bytes) {
      if (holder !== "pruned" && bytes > (found?.bytes ?? 0)) found = { holder, bytes };
    }
    return found;
  }
}
