import type { DatabaseSync } from "node:sqlite";
import { exists, removeIfThere, statOf } from "../files.ts";
import { LOG_BYTES_LEFT, PAGE_CACHE_BYTES } from "../limits.ts";
import { toText } from "../wire/text.ts";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import { LAYOUT_VERSION, layoutOf } from "./layout.ts";
import schema from "./schema.sql" with { type: "text" };
import { systemAdvice, systemReason } from "../wire/system_error.ts";

// The compiled binary runs us as a script, which has no other imports (docs/binary.md).
const sqlite = await import("node:sqlite");

/** "xstr": what the SQLite header of our files says (PRAGMA application_id). */
const APPLICATION_ID = 0x78737472;
/** What a store file is asked to survive. */
export type Durability = "crash" | "disk";

/** The file cannot be used, and it is not for us to touch it. */
export class JournalError extends Error {
  override readonly name = "JournalError";

  /** The disk did not do what it should, and may do it the next time. */
  get mayPass(): boolean {
    return isTrouble(this.message);
  }
}

/** Whether an error is of a disk that is full or fails, by what it says. */
export function isTrouble(message: string): boolean {
  return DISK_TROUBLE.test(message);
}

/** In the words of SQLite, of the C library and of ours (lib/wire/system_error.ts). */
const DISK_TROUBLE = /disk I\/O error|disk is full|input\/output error|no space left/i;

/**
 * Opens the store file at `path`, or makes it, readable for its owner only.
 *
 * @throws {JournalError} when it is another program's, a newer version's, or cannot be opened.
 * @throws {DamagedError} when it is not whole.
 */
export function openDatabase(path: string, durability: Durability): DatabaseSync {
  checkHeader(path);
  createPrivately(path);
  // SQLite has uses of its own for some names, such as `:memory:`, but for no path.
  const database = new sqlite.DatabaseSync(path.includes("/") ? path : `./${path}`, { timeout: 0 });
  try {
    prepare(database, path, durability);
    return database;
  } catch (error) {
    leaveAlone(database, path);
    throw asOurs(error, path);
  }
}

/** Files that were left alone, by their paths. */
const LEFT_ALONE = new Map<string, DatabaseSync[]>();

/**
 * Closes a file without a change. To close it would write its log into it and remove that, with
 * all that may be damaged in it: so it stays open until it is moved aside, or the process ends.
 */
export function leaveAlone(database: DatabaseSync, path: string): void {
  if (database.isTransaction) database.exec("ROLLBACK");
  if (!hasBytes(`${path}-wal`)) return database.close();
  LEFT_ALONE.set(path, [...LEFT_ALONE.get(path) ?? [], database]);
}

const MAGIC = "SQLite format 3\0";
/** The part of a SQLite file's header that names its owner, and where in it that stands. */
const HEADER_BYTES = 100;
const APPLICATION_ID_AT = 68;

/** Looks at a file before anything touches it: it may be another program's, or no database. */
function checkHeader(path: string): void {
  let header: Uint8Array<ArrayBuffer>;
  try {
    const { isDirectory, isFile } = Deno.statSync(path);
    if (isDirectory) throw new JournalError(`${path} is a directory (name a file with --store)`);
    // To read a pipe could take for ever.
    if (!isFile) {
      throw new JournalError(`${path} is not a regular file (name another file with --store)`);
    }
    header = readHeader(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return checkAlone(path);
    if (error instanceof JournalError) throw error;
    throw new JournalError(`the store file ${path} cannot be read: ${systemAdvice(error, "read")}`);
  }
  if (header.length === 0 && !hasBytes(`${path}-wal`)) return;
  const start = toText(header, 0, Math.min(header.length, MAGIC.length));
  const isDatabase = MAGIC.startsWith(start);
  if (header.length < HEADER_BYTES) {
    if (isDatabase) throw new DamagedError(`the file ends after ${header.length} bytes`);
    throw new JournalError(`${path} is not a store file (name another file with --store)`);
  }
  const id = new DataView(header.buffer).getUint32(APPLICATION_ID_AT);
  if (isDatabase && id === APPLICATION_ID) return;
  if (id === APPLICATION_ID) throw new DamagedError("the file's first bytes are not SQLite's");
  const what = isDatabase ? "another program's database" : "not a store file";
  throw new JournalError(`${path} is ${what} (name another file with --store)`);
}

/** A file that is missing is begun again, unless there are others that are nothing without it. */
function checkAlone(path: string): void {
  for (const companion of ["-wal", ".tail"]) {
    const other = path + companion;
    if (exists(other)) throw new DamagedError(`it is missing, but there is ${other}`);
  }
}

function hasBytes(path: string): boolean {
  return (statOf(path)?.size ?? 0) > 0;
}

function readHeader(path: string): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  const header = new Uint8Array(HEADER_BYTES);
  return header.slice(0, file.readSync(header) ?? 0);
}

/**
 * Makes a file that only its owner may read, or an existing one so. SQLite takes the mode of its other files from
 * that of the first. What a link leads to keeps its mode: it may be another program's.
 *
 * @throws {Error} the runtime's own.
 */
export function makePrivate(path: string): void {
  if (!exists(path)) Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  else if (!Deno.lstatSync(path).isSymlink) Deno.chmodSync(path, 0o600);
  // One that leads nowhere is no file.
  else Deno.statSync(path);
}

function createPrivately(path: string): void {
  try {
    makePrivate(path);
  } catch (error) {
    const hint = "another place can be named with --store";
    throw new JournalError(`the store file ${path} cannot be made: ${messageOf(error)} (${hint})`);
  }
}

function prepare(database: DatabaseSync, path: string, durability: Durability): void {
  // Before anything is read: SQLite then keeps the log's index in its memory, not in a file that
  // a full disk has no space for.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const isNew = pragma(database, "schema_version") === 0;
  if (!isNew) {
    checkKind(database, path);
    checkWhole(database);
  }
  // Before there is a log, so that the file itself names its owner from the start.
  if (isNew) {
    // SQLite takes auto_vacuum only before there is a table, and writes it in a transaction of its own unless
    // it is in one: a daemon killed after that would leave a file that does not name its owner.
    const layout = `PRAGMA user_version = ${LAYOUT_VERSION}`;
    database.exec(`BEGIN; PRAGMA auto_vacuum = INCREMENTAL; ${schema}; ${layout}; COMMIT`);
  }
  database.exec("PRAGMA journal_mode = WAL");
  // A process that is killed leaves what it has written to the kernel; only power loss does not.
  database.exec(`PRAGMA synchronous = ${durability === "disk" ? "FULL" : "OFF"}`);
  database.exec("PRAGMA wal_autocheckpoint = 0");
  limitPageCache(database);
  // What is deleted is overwritten where its page is written anyway; pages that become free are left to erasure.ts.
  database.exec("PRAGMA secure_delete = FAST");
  database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_LEFT}`);
}

function checkKind(database: DatabaseSync, path: string): void {
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new JournalError(
      `${path} is another program's database (name another file with --store)`,
    );
  }
  const version = layoutOf(database);
  if (version > LAYOUT_VERSION) {
    throw new JournalError(
      `${path} has layout ${version}, made by a newer xs (this one reads up to ${LAYOUT_VERSION})`,
    );
  }
  if (version < 1) throw new DamagedError(`it has layout ${version}: there is none`);
}

function checkWhole(database: DatabaseSync): void {
  const row = database.prepare("PRAGMA quick_check(1)").get();
  const verdict = row?.["quick_check"];
  if (verdict !== "ok") throw new DamagedError(`${verdict}`);
}

/** What PRAGMA auto_vacuum says of a file that can be made smaller piece by piece. */
export const AUTO_VACUUM_INCREMENTAL = 2;

/** Size of a page of a store file: SQLite's own choice. */
export const PAGE_BYTES = 4_096;

/** The number that a PRAGMA tells. */
export function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** Has SQLite keep few pages in memory. */
export function limitPageCache(database: DatabaseSync): void {
  // A negative number is one of KiB.
  database.exec(`PRAGMA cache_size = ${-PAGE_CACHE_BYTES / 1_024}`);
}

/** Frees the pages that SQLite keeps in memory: it reads them again when they are needed. */
export function dropPageCache(database: DatabaseSync): void {
  database.exec("PRAGMA shrink_memory");
}

/** SQLite says what is wrong in words only. */
export function asOurs(error: unknown, path: string): Error {
  if (error instanceof JournalError || error instanceof DamagedError) return error;
  const text = messageOf(error);
  if (/malformed|not a database|corrupt/.test(text)) return new DamagedError(text);
  if (/locked|busy/.test(text)) {
    return new JournalError(`${path} is in use by another daemon (stop that one first)`);
  }
  const hint = /readonly|unable to open/.test(text)
    ? " (it and its directory must be writable for this daemon)"
    : /full/.test(text)
    ? " (make room)"
    : "";
  return new JournalError(`the store file ${path} cannot be opened: ${text}${hint}`);
}

export function messageOf(error: unknown): string {
  return systemReason(error);
}

/** What else a store file may have beside it. */
export const COMPANIONS: readonly string[] = ["-wal", "-shm", "-journal", ".tail"];

/**
 * Moves a file and its companions out of the way; returns where it now is. The file goes first: who
 * is killed over it leaves companions that cannot be taken for a store, and are moved by the next.
 */
export function renameStore(path: string, suffix: string): string {
  const renamed = `${path}.${suffix}`;
  // The log of an older one there must never be taken for this one's.
  if (exists(path)) {
    for (const name of [...COMPANIONS, ""]) removeIfThere(renamed + name);
  }
  for (const name of ["", ...COMPANIONS]) {
    try {
      Deno.renameSync(path + name, renamed + name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  // SQLite leaves a file that was moved as it is.
  for (const database of LEFT_ALONE.get(path) ?? []) database.close();
  LEFT_ALONE.delete(path);
  return renamed;
}

/** When a store file, or what is beside it, was last written, in ms since 1970; -Infinity: never. */
export function lastWritten(path: string): number {
  const times = ["", ...COMPANIONS].map((name) => {
    const file = statOf(path + name);
    return file === null ? -Infinity : file.mtime?.getTime() ?? Infinity;
  });
  return Math.max(...times);
}
