import type { DatabaseSync } from "node:sqlite";
import { DamagedError } from "../codec/journal/byte_reader.ts";

/**
 * The layout of schema.sql and of the changes in it: what PRAGMA user_version of a store file says.
 */
export const LAYOUT_VERSION = 2;

/** Statements that lead from one layout to the next, by the number of the older one. */
export type Migrations = ReadonlyMap<number, string>;

/**
 * From 1 to 2: kinds of changes came (codec/journal/node_writer.ts), which older versions cannot read.
 * What they have written is read as it is.
 */
const MIGRATIONS: Migrations = new Map([[1, ""]]);

/**
 * Brings a store file to layout `to`, one layout after the other, in the caller's transaction: of a
 * store that is found damaged afterwards, or whose reader dies, nothing has changed.
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
    database.exec(`${step}; PRAGMA user_version = ${version + 1}`);
  }
}

/** The layout that a store file has. */
export function layoutOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}
