import { Operations } from "../client/operations.ts";
import type { Session } from "../client/session.ts";
import { DOWN, familiesOf, type Family } from "./families.ts";
import { readFigures } from "./figures.ts";

/** Metrics, or why there are none. */
export interface Scrape {
  readonly families: readonly Family[];
  /** What kept the daemon from answering; null where it did. */
  readonly error: unknown;
}

/**
 * Asks a daemon for its metrics over connections of their own, one after the other: several who ask at once share an
 * answer, so that however many ask, the daemon is asked once at a time.
 */
export class Scraper {
  readonly #open: () => Promise<Session>;
  #current: Promise<Scrape> | null = null;

  constructor(open: () => Promise<Session>) {
    this.#open = open;
  }

  /** Never rejects: a daemon that does not answer is told by the metric `xs_up`. */
  scrape(): Promise<Scrape> {
    return this.#current ??= this.#ask().finally(() => this.#current = null);
  }

  async #ask(): Promise<Scrape> {
    try {
      const session = await this.#open();
      try {
        return { families: familiesOf(await readFigures(new Operations(session))), error: null };
      } finally {
        session.close();
      }
    } catch (error) {
      return { families: DOWN, error };
    }
  }
}
