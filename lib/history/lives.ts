/** Which domains share a part of the bound: a guest that is started again and again must not get another part each time. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { BlockHead } from "./blocks.ts";
import type { Author } from "./record.ts";
import { holderOf } from "./shares.ts";
import { HISTORY_LONG_LIFE_MICROSECONDS } from "../limits.ts";

/** Whether the domain of a number and a unique id has not ended. */
export type IsAlive = (domid: number, uniqueId: bigint | null) => boolean;

/** One domain, from when it first did something. */
interface Life {
  /** The number of its row. */
  readonly life: number;
  /** The one that it shares with: the first of those that followed each other. */
  readonly share: string;
  /** In microseconds since 1970. */
  readonly since: number;
}

const SCHEMA = "CREATE TABLE IF NOT EXISTS lives (" +
  "life INTEGER PRIMARY KEY, holder TEXT NOT NULL, share TEXT NOT NULL, since INTEGER NOT NULL, " +
  "is_long INTEGER NOT NULL) STRICT";

const DOMAIN = /^domain (\d+) (\d+|null)$/;

/**
 * A domain that has lived for less than an hour leaves its share to the next one that begins. So those that are started and end, one after
 * the other, are one author, and of many at once there are no more than lived at the same time.
 */
export class Lives {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #lengthen: StatementSync;
  readonly #remove: StatementSync;
  readonly #lives = new Map<string, Life>();
  /** Those that may be alive and have not lived for an hour: the last of their shares. */
  readonly #young = new Set<string>();
  /** Shares whose last domain had a short life, the last of all last. */
  #free: string[] = [];

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#database = database;
    this.#begin = database.prepare("INSERT INTO lives VALUES (NULL, ?, ?, ?, 0)");
    this.#lengthen = database.prepare("UPDATE lives SET is_long = 1 WHERE life = ?");
    this.#remove = database.prepare("DELETE FROM lives WHERE life = ?");
    this.reload();
  }

  /** Reads all again, after a transaction was rolled back. */
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

  /** Whose part of the bound a holder of records has: its own, or that of a domain before it. */
  shareOf(holder: string): string {
    return this.#lives.get(holder)?.share ?? holder;
  }

  /** Whether an author is one of those that have a share. */
  isOf(share: string): (author: Author) => boolean {
    return (author) => this.shareOf(holderOf(author)) === share;
  }

  /** How many of the bytes of holders some shares have. */
  partOf(bytes: BlockHead["shares"], some: ReadonlySet<string>): number {
    let sum = 0;
    for (const [holder, its] of bytes) if (some.has(this.shareOf(holder))) sum += its;
    return sum;
  }

  /** Whether it knows a holder, or need not. */
  knows(holder: string): boolean {
    return this.#lives.has(holder) || !DOMAIN.test(holder);
  }

  /** Those that have lived for an hour by now. */
  ripe(now: number): string[] {
    return [...this.#young].filter((holder) =>
      Math.abs(now - this.#lives.get(holder)!.since) >= HISTORY_LONG_LIFE_MICROSECONDS
    );
  }

  /** Looks which of the young ones have ended; then {@link ripe} has none that has. */
  look(isAlive: IsAlive): void {
    for (const holder of this.#young) {
      if (lives(holder, isAlive)) continue;
      this.#young.delete(holder);
      this.#free.push(this.#lives.get(holder)!.share);
    }
  }

  /** From now on it keeps its share, whatever becomes of it; the caller commits it. */
  lengthen(holder: string): void {
    this.#young.delete(holder);
    this.#lengthen.run(this.#lives.get(holder)!.life);
  }

  /** Takes note of a domain that has done something for the first time; the caller commits it. */
  begin(holder: string, since: number, isAlive: IsAlive): void {
    this.look(isAlive);
    const share = this.#free.pop() ?? holder;
    const life = Number(this.#begin.run(holder, share, since).lastInsertRowid);
    this.#lives.set(holder, { life, share, since });
    this.#young.add(holder);
  }

  /** How many it knows. */
  get count(): number {
    return this.#lives.size;
  }

  /** Forgets those that have ended and have no records, as `has` says; the caller commits it. */
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
