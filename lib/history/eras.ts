/** What a history file says of whole stores: whose history it is, how far it is complete, what was thinned. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { HISTORY_THINNED_MAX } from "../limits.ts";
import { joinThinned, type Thinned } from "./thin.ts";

/** One store's part of a history. */
export interface Era {
  readonly era: number;
  /** Its id. */
  readonly store: string;
  /** The last number that is in the file. */
  readonly last: number;
  /** All records behind this number are there as they were written. */
  readonly completeAfter: number;
  /** All that was done up to this turn of the store's journal is here, or counted as missing; null if that is not known. */
  readonly turn: number | null;
}

/** The rows that speak of eras. */
export class Eras {
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #update: StatementSync;
  readonly #incomplete: StatementSync;
  readonly #settle: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#find = database.prepare(
      "SELECT era, last, complete_after, turn FROM eras WHERE store = ?",
    );
    this.#update = database.prepare("UPDATE eras SET last = max(last, ?) WHERE era = ?");
    this.#incomplete = database.prepare(
      "UPDATE eras SET complete_after = max(complete_after, ?) WHERE era = ?",
    );
    this.#settle = database.prepare("UPDATE eras SET turn = ? WHERE era = ?");
  }

  /** The store of the last era; empty where there is none yet. */
  get latest(): string {
    const row = this.#database.prepare("SELECT store FROM eras ORDER BY era DESC LIMIT 1").get();
    return String(row?.["store"] ?? "");
  }

  /** The era of a store; it begins if there is none. */
  open(store: string): Era {
    const row = this.#find.get(store);
    if (row === undefined) {
      this.#database.prepare(
        "INSERT INTO eras (store, last, complete_after) VALUES (?, 0, 0)",
      ).run(store);
      return this.open(store);
    }
    return {
      era: Number(row["era"]),
      store,
      last: Number(row["last"]),
      completeAfter: Number(row["complete_after"]),
      turn: row["turn"] === null ? null : Number(row["turn"]),
    };
  }

  update(era: number, last: number): void {
    this.#update.run(last, era);
  }

  /** Notes up to which turn of the journal all is here. */
  settle(era: number, turn: number): void {
    this.#settle.run(turn, era);
  }

  /** Notes that up to `number` not all is as it was written. */
  incomplete(era: number, number: number): void {
    this.#incomplete.run(number, era);
  }

  thinned(era: number): Thinned[] {
    return this.#database.prepare("SELECT * FROM thinned WHERE era = ?").all(era).map((row) => ({
      holder: String(row["holder"]),
      from: Number(row["from_number"]),
      to: Number(row["to_number"]),
      count: Number(row["count"]),
      under: JSON.parse(String(row["under"])),
    }));
  }

  /** Notes thinned records. With too many authors, the two that have lost nothing for longest become one. */
  addThinned(era: number, more: readonly Thinned[]): void {
    const all = new Map(this.thinned(era).map((one) => [one.holder, one]));
    for (const thinned of more) {
      const known = all.get(thinned.holder);
      all.set(thinned.holder, known === undefined ? thinned : joinThinned(known, thinned));
      this.incomplete(era, thinned.to);
    }
    while (all.size > HISTORY_THINNED_MAX) joinOldest(all);
    this.#database.prepare("DELETE FROM thinned WHERE era = ?").run(era);
    const put = this.#database.prepare("INSERT INTO thinned VALUES (?, ?, ?, ?, ?, ?)");
    for (const { count, from, holder, to, under } of all.values()) {
      put.run(era, holder, from, to, count, JSON.stringify(under));
    }
  }

  /** The history of an era begins at `number` now. */
  begin(era: number, number: number): void {
    this.#database.prepare("DELETE FROM thinned WHERE era = ? AND to_number <= ?").run(era, number);
    this.#database.prepare("UPDATE thinned SET from_number = max(from_number, ?) WHERE era = ?")
      .run(number, era);
    this.incomplete(era, number);
  }

  /** Forgets an era of which nothing is left. */
  remove(era: number): void {
    for (const table of ["thinned", "eras"]) {
      this.#database.prepare(`DELETE FROM ${table} WHERE era = ?`).run(era);
    }
  }
}

function joinOldest(all: Map<string, Thinned>): void {
  // What is about to be pruned is told for a moment only.
  const known = [...all.values()].filter(({ holder }) => holder !== "pruned");
  const [first, second] = known.sort((a, b) => a.to - b.to);
  if (first === undefined || second === undefined) return;
  all.delete(first.holder);
  all.set(second.holder, joinThinned(second, first));
}
