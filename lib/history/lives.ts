/** Which domains share a part of the history's bound: a guest that restarts again and again must not get a new part each time. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Author } from "./record.ts";
import { type HolderBytes, holderOf } from "./shares.ts";
import { HISTORY_LONG_LIFE_MICROSECONDS } from "../limits.ts";

/** Whether the domain with this domid and unique id still exists. */
export type IsAlive = (domid: number, uniqueId: bigint | null) => boolean;

/** One domain, from its first recorded change on. */
interface Life {
  /** The key of its row. */
  readonly life: number;
  /** Its share, named after the first domain that had it. */
  readonly share: string;
  /** In microseconds since 1970. */
  readonly since: number;
}

const SCHEMA = "CREATE TABLE IF NOT EXISTS lives (" +
  "life INTEGER PRIMARY KEY, holder TEXT NOT NULL, share TEXT NOT NULL, since INTEGER NOT NULL, " +
  "is_long INTEGER NOT NULL) STRICT";

const DOMAIN = /^domain (\d+) (\d+|null)$/;

/**
 * The shares of domains. A domain that ends within an hour ({@link HISTORY_LONG_LIFE_MICROSECONDS}) leaves its share to the next one that
 * begins. So domains that follow each other count as one author, and there are no more shares than short domains at the same time.
 */
export class Lives {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #lengthen: StatementSync;
  readonly #remove: StatementSync;
  readonly #lives = new Map<string, Life>();
  /** Domains that may be alive and are younger than an hour: the latest holder of each share. */
  readonly #young = new Set<string>();
  /** Shares for the next domains: their last holder ended within an hour. The newest is last. */
  #free: string[] = [];

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#database = database;
    this.#begin = database.prepare("INSERT INTO lives VALUES (NULL, ?, ?, ?, 0)");
    this.#lengthen = database.prepare("UPDATE lives SET is_long = 1 WHERE life = ?");
    this.#remove = database.prepare("DELETE FROM lives WHERE life = ?");
    this.reload();
  }

  /** Reads all rows again, after a rollback. */
  reload(): void {
    this.#lives.clear();
    this.#young.clear();
    this.#free = [];
    const last = new Map<string, string>();
    for (const row of this.#database.prepare("SELECT * FROM lives ORDER BY life").all()) {
      const holder = String(row["holder"]), share = String(row["share"]);
      this.#lives.set(holder, { life: Number(row["life"]), share, since: Number(row["since"]) });
      this.#young.delete(last.get(share) ?? "");
      last.set(share, holder);
      if (row["is_long"] === 0) this.#young.add(holder);
    }
  }

  /** The share of a holder: its own, or that of a domain before it. */
  shareOf(holder: string): string {
    return this.#lives.get(holder)?.share ?? holder;
  }

  /** A test for authors that have this share. */
  isOf(share: string): (author: Author) => boolean {
    return (author) => this.shareOf(holderOf(author)) === share;
  }

  /** The sum of the bytes of those holders that have one of the shares `some`. */
  partOf({ bytes, holders }: HolderBytes, some: ReadonlySet<string>): number {
    let sum = 0;
    for (let i = 0; i < holders.length; i++) {
      if (some.has(this.shareOf(holders[i]!))) sum += bytes[i]!;
    }
    return sum;
  }

  /** Whether a holder is known, or is not a domain. */
  knows(holder: string): boolean {
    return this.#lives.has(holder) || !DOMAIN.test(holder);
  }

  /** Young domains that are an hour old at time `now`, whichever way the clock was set. */
  ripe(now: number): string[] {
    return [...this.#young].filter((holder) =>
      Math.abs(now - this.#lives.get(holder)!.since) >= HISTORY_LONG_LIFE_MICROSECONDS
    );
  }

  /** Frees the shares of young domains that have ended. To be called before {@link ripe}, which must not name these. */
  look(isAlive: IsAlive): void {
    for (const holder of this.#young) {
      if (lives(holder, isAlive)) continue;
      this.#young.delete(holder);
      this.#free.push(this.#lives.get(holder)!.share);
    }
  }

  /** Gives a domain its share for good; the caller commits this. */
  lengthen(holder: string): void {
    this.#young.delete(holder);
    this.#lengthen.run(this.#lives.get(holder)!.life);
  }

  /** Adds a domain with its first change, and gives it a share; the caller commits this. */
  begin(holder: string, since: number, isAlive: IsAlive): void {
    this.look(isAlive);
    const share = this.#free.pop() ?? holder;
    const life = Number(this.#begin.run(holder, share, since).lastInsertRowid);
    this.#lives.set(holder, { life, share, since });
    this.#young.add(holder);
  }

  /** How many domains are known. */
  get count(): number {
    return this.#lives.size;
  }

  /** Forgets domains that have ended and have no records (`has`); the caller commits this. */
  forget(has: (holder: string) => boolean, isAlive: IsAlive): void {
    for (const [holder, { life }] of this.#lives) {
      if (has(holder) || lives(holder, isAlive)) continue;
      this.#lives.delete(holder);
      this.#young.delete(holder);
      this.#remove.run(life);
    }
    const shares = new Set([...this.#lives.values()].map(({ share }) => share));
    this.#free = this.#free.filter((share) => shares.has(share));
  }
}

function lives(holder: string, isAlive: IsAlive): boolean {
  const [, domid, uniqueId] = DOMAIN.exec(holder)!;
  return isAlive(Number(domid), uniqueId === "null" ? null : BigInt(uniqueId!));
}
