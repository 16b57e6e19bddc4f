import type { DamagedError } from "../journal/byte_reader.ts";
import { JournalError, moveAside, openDatabase } from "../journal/database.ts";
import { type Journal, NoJournal } from "../journal/journal.ts";
import { About, openStore } from "../journal/store_file.ts";
import type { Log } from "./log.ts";

/** What the store is to survive: nothing, the death of the process, or the loss of power. */
export type Persistence = "none" | "crash" | "disk";

/** What to do with a store file that is damaged: end, or move it aside and begin empty. */
export type OnDamage = "refuse" | "fresh";

/** How the store is kept. */
export interface PersistenceChoice {
  readonly persist: Persistence;
  /** The store file; beside the socket, or in {@link DISK_STORE}, unless told. */
  readonly store?: string;
  readonly onDamage: OnDamage;
}

/** Where `disk` keeps the store unless told: the run directory does not survive. */
export const DISK_STORE = "/var/lib/xs/store";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Where the store file is, for a daemon that listens at `socket`. */
export function storePath(choice: PersistenceChoice, socket: string): string {
  return choice.store ?? (choice.persist === "disk" ? DISK_STORE : `${socket}.store`);
}

/**
 * Opens the journal that was chosen.
 *
 * @throws {JournalError} when the file can't be used, {@link DamagedError} when it is damaged.
 */
export function openJournal(choice: PersistenceChoice, socket: string, log: Log): Journal {
  if (choice.persist === "none") return new NoJournal();
  const path = storePath(choice, socket);
  makeDirectory(path);
  if (choice.persist === "crash") putOldAside(path, log);
  const { about, journal } = openStore(path, { durability: choice.persist, log });
  if (journal.isEmpty) about.set("boot_id", bootId());
  return journal;
}

function makeDirectory(path: string): void {
  const slash = path.lastIndexOf("/");
  if (slash <= 0) return;
  const directory = path.slice(0, slash);
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new JournalError(
      `the directory of the store file, ${directory}, can't be made: ${reason}`,
    );
  }
}

/** What a host's domains left in the store means nothing after the host has been booted anew. */
function putOldAside(path: string, log: Log): void {
  const stamp = bootIdOf(path);
  if (stamp === null || stamp === bootId()) return;
  const aside = moveAside(path, "old");
  log("info", `the store file was of an earlier boot of this host: it is now ${aside}`);
}

/** The boot in which the file was made, or null when there is no such file. */
function bootIdOf(path: string): string | null {
  try {
    if (Deno.statSync(path).size === 0) return null;
  } catch {
    return null;
  }
  const database = openDatabase(path, "crash");
  try {
    return new About(database).get("boot_id");
  } finally {
    database.close();
  }
}

function bootId(): string {
  return Deno.readTextFileSync(BOOT_ID).trim();
}

/**
 * What is to be done about a damaged store: an error that says so, or, where the operator has
 * agreed to that, the file moved aside, so that the next attempt begins empty.
 */
export function handleDamage(
  choice: PersistenceChoice,
  socket: string,
  error: DamagedError,
  log: Log,
): void {
  const path = storePath(choice, socket);
  if (choice.onDamage === "refuse") {
    throw new JournalError(
      `the store file ${path} is damaged (${error.message}); nothing was changed. ` +
        "With --on-damage fresh it is moved aside and the daemon begins with an empty store",
    );
  }
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, "");
  const aside = moveAside(path, `damaged-${stamp}`);
  log(
    "error",
    `the store file ${path} is damaged (${error.message}): it is now ${aside}, ` +
      "and this daemon begins with an EMPTY store",
  );
}
