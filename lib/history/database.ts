import type { DatabaseSync, StatementSync } from "node:sqlite";
import { limitPageCache, makePrivate, messageOf, pragma } from "../journal/database.ts";
import schema from "./history.sql" with { type: "text" };

// The compiled binary runs us as a script, which has no other imports (docs/binary.md).
const sqlite = await import("node:sqlite");

/** "xshi": what the SQLite header of a history says (PRAGMA application_id). */
const APPLICATION_ID = 0x78736869;
/** The layout of history.sql. */
const LAYOUT_VERSION = 1;
/** The name of a history that is in memory only. */
export const IN_MEMORY = ":memory:";

/** A history cannot be opened, or not be written. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";

  constructor(
    message: string,
    /** The file is not what was written: it can be renamed, and another be begun. */
    readonly isDamage: boolean = false,
  ) {
    super(message);
  }
}

/**
 * Opens the history at `path`, or makes it, readable for its owner only; {@link IN_MEMORY} for none that outlives the process.
 *
 * @throws {HistoryError} when it is another program's, a newer version's, damaged, or in use.
 */
export function openHistoryDatabase(path: string): DatabaseSync {
  const isFile = path !== IN_MEMORY;
  if (isFile) createPrivately(path);
  const name = path.includes("/") || !isFile ? path : `./${path}`;
  let database: DatabaseSync;
  try {
    database = new sqlite.DatabaseSync(name, { timeout: 0 });
  } catch (error) {
    throw asHistoryError(error, path);
  }
  try {
    prepare(database, path);
    return database;
  } catch (error) {
    database.close();
    throw asHistoryError(error, path);
  }
}

function createPrivately(path: string): void {
  try {
    makePrivate(path);
  } catch (error) {
    throw new HistoryError(`the history ${path} cannot be made: ${messageOf(error)}`);
  }
}

function prepare(database: DatabaseSync, path: string): void {
  // Before anything is read: another daemon is then refused, and the log's index needs no file.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const isNew = pragma(database, "schema_version") === 0;
  if (!isNew) checkKind(database, path);
  // What is overwritten or deleted must not be found in the file any more.
  database.exec("PRAGMA secure_delete = ON");
  if (isNew) {
    const layout = `PRAGMA user_version = ${LAYOUT_VERSION}`;
    database.exec(`BEGIN; PRAGMA auto_vacuum = INCREMENTAL; ${schema}; ${layout}; COMMIT`);
  }
  database.exec("PRAGMA journal_mode = WAL");
  // What a killed process has written stays with the kernel; the history of a lost moment is one gap.
  database.exec("PRAGMA synchronous = OFF");
  database.exec("PRAGMA wal_autocheckpoint = 0");
  limitPageCache(database);
  // A first write, so that the lock is had from now on.
  database.exec(`PRAGMA user_version = ${LAYOUT_VERSION}`);
}

function checkKind(database: DatabaseSync, path: string): void {
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new HistoryError(`${path} is not a history of xs: name another place, or delete it`);
  }
  const version = pragma(database, "user_version");
  if (version > LAYOUT_VERSION) {
    const reads = `this one reads up to ${LAYOUT_VERSION}`;
    throw new HistoryError(`${path} has layout ${version}, made by a newer xs: ${reads}`);
  }
  if (version < 1) throw new HistoryError(`${path} has layout ${version}: there is none`, true);
}

/** SQLite says what is wrong in words only. */
export function asHistoryError(error: unknown, path: string): Error {
  if (error instanceof HistoryError) return error;
  const text = messageOf(error);
  if (/malformed|not a database|corrupt/.test(text)) {
    return new HistoryError(`the history ${path} is damaged: ${text}`, true);
  }
  if (/locked|busy/.test(text)) {
    return new HistoryError(`the history ${path} is in use by another daemon: stop that one first`);
  }
  return new HistoryError(`the history ${path} cannot be used: ${text}`);
}

/** Does what writes the file; false when it cannot be written now, for lack of space. */
export function ifWritable(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!isWriteError(error)) throw error;
    return false;
  }
}

/** Whether SQLite says that it could not write, which may pass. */
export function isWriteError(error: unknown): boolean {
  return error instanceof Error &&
    /disk I\/O error|disk is full|readonly|unable to open/.test(error.message);
}

const statements = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

/** A statement that is used again and again. Each database prepares it once: this takes longer than to run it. */
export function statement(database: DatabaseSync, sql: string): StatementSync {
  let known = statements.get(database);
  if (known === undefined) statements.set(database, known = new Map());
  let found = known.get(sql);
  if (found === undefined) known.set(sql, found = database.prepare(sql));
  return found;
}
