import type { DatabaseSync } from "node:sqlite";
import { DamagedError } from "./byte_reader.ts";

/** The layout of schema.sql: what PRAGMA user_version of a store file says. */
export const LAYOUT_VERSION = 1;

/** Statements that lead from one layout to the next, by the number of the older one. */
export type Migrations = ReadonlyMap<number, string>;

/** There is no older layout yet. */
const MIGRATIONS: Migrations = new Map();

/**
 * Brings a store file to layout `to`, one layout after the other, each in a transaction of its own:
 * who is killed over it leaves a layout from which the next life goes on.
 *
 * @throws {DamagedError} when it says that it has a layout which there never was.
 */
export function migrate(
  database: DatabaseSync,
  migrations: Migrations = MIGRATIONS,
  to: number = LAYOUT_VERSION,
): void {
  for (let version = layoutOf(database); version < to; version++) {
    const step = migrations.get(version);
    if (step === undefined) throw new DamagedError(`it has layout ${version}: there is none`);
    database.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}

/** The layout that a store file has. */
export function layoutOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}
