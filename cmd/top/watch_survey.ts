import type { Operations } from "../../lib/client/operations.ts";
import type { Page } from "../../lib/engine/pages.ts";
import type { WhoRow } from "../../lib/engine/who.ts";
import { DOCTOR_WATCHES_MAX, TOP_ROWS_COUNTED_MAX, TOP_WATCH_PAGES } from "../../lib/limits.ts";
import { ask } from "../who/read_pages.ts";
import { templateOf } from "./stream_totals.ts";
import type { Totals } from "./totals.ts";

/** Counts of watches on one kind of path, by how many levels below it they include; -1 for all. */
type Levels = Map<number, number>;

/** Counts the daemon's watches by kinds of paths. The first look reads up to {@link DOCTOR_WATCHES_MAX}, each later one some pages. */
export class WatchSurvey {
  readonly #nodes: Operations;
  #from = "";
  #read = 0;
  #counting = new Map<string, Levels>();
  /** The counts of the last whole reading; null before the first one. */
  #counted: ReadonlyMap<string, Levels> | null = null;

  constructor(nodes: Operations) {
    this.#nodes = nodes;
  }

  /** Reads the next pages. */
  async look(): Promise<void> {
    const isFirst = this.#counted === null;
    for (
      let pages = 0;
      pages < TOP_WATCH_PAGES || isFirst && this.#read < DOCTOR_WATCHES_MAX;
      pages++
    ) {
      const page: Page<WhoRow> = JSON.parse(await ask(this.#nodes, ["who", "/", this.#from]));
      for (const row of page.rows) this.#add(row);
      if (page.next === null) return this.#finish();
      this.#from = page.next;
    }
  }

  #add(row: WhoRow): void {
    if (row.kind !== "watch") return;
    this.#read++;
    const template = templateOf(row.path);
    let levels = this.#counting.get(template);
    if (levels === undefined) {
      if (this.#counting.size >= TOP_ROWS_COUNTED_MAX) return;
      this.#counting.set(template, levels = new Map());
    }
    levels.set(row.depth, (levels.get(row.depth) ?? 0) + 1);
  }

  #finish(): void {
    this.#counted = this.#counting;
    this.#counting = new Map();
    this.#from = "";
    this.#read = 0;
  }

  /** Sets the watches of each row; does nothing before all were read once. */
  addTo(rows: ReadonlyMap<string, Totals>): void {
    if (this.#counted === null) return;
    for (const [template, row] of rows) row.watches = hearing(this.#counted, template);
  }
}

/** Watches on a kind of paths, and on those above it. */
function hearing(counted: ReadonlyMap<string, Levels>, template: string): number {
  let count = 0;
  for (let at = template, distance = 0;; distance++) {
    for (const [levels, watches] of counted.get(at) ?? []) {
      if (levels < 0 || levels >= distance) count += watches;
    }
    if (!at.startsWith("/") || at === "/") return count;
    at = at.slice(0, at.lastIndexOf("/")) || "/";
  }
}
