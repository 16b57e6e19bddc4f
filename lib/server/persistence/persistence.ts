import type { Clock } from "../../clock.ts";
import { DamagedError } from "../../codec/journal/byte_reader.ts";
import { exists, isDirectory } from "../../files.ts";
import { type Durability, JournalError, lastWritten, renameStore } from "../../journal/database.ts";
import { type Journal, NoJournal } from "../../journal/journal.ts";
import { type Keep, keepFrom } from "../../journal/previous_boot.ts";
import { finishReplacing, replaceOldStore } from "../../journal/replace_old_store.ts";
import { openStore } from "../../journal/store_file.ts";
import type { StoreJournal } from "../../journal/store_journal.ts";
import { systemReason } from "../../wire/system_error.ts";
import { budgeted } from "../logging/daemon_log_budget.ts";
import type { Log } from "../logging/log.ts";
import { counted } from "../../wire/counted.ts";

/** What the store is to survive: nothing, the death of the process, or the loss of power. */
export type Persistence = "none" | "crash" | "disk";

/** What to do with a store file that is damaged: end, or move it aside and begin empty. */
export type OnDamage = "refuse" | "fresh";

/** How the store is kept. */
export interface PersistenceChoice {
  readonly persist: Persistence;
  /** The store file; beside the socket, or in {@link DISK_STORE}, by default. */
  readonly store?: string;
  readonly onDamage: OnDamage;
  /** What of it outlives a boot of the host; nothing by default. */
  readonly keep?: Keep;
}

/** Where `disk` keeps the store by default: the run directory does not survive. */
export const DISK_STORE = "/var/lib/xs/store";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Where the store file is, for a daemon that listens at `socket`. */
export function storePath(choice: PersistenceChoice, socket: string): string {
  return choice.store ?? (choice.persist === "disk" ? DISK_STORE : `${socket}.store`);
}

/**
 * Opens the journal that was chosen.
 *
 * @throws {JournalError} when the file cannot be used, {@link DamagedError} when it is damaged.
 */
export function openJournal(
  choice: PersistenceChoice,
  socket: string,
  log: Log,
  clock: Clock,
): Journal {
  const { persist } = choice;
  const usual = `${socket}.store`, path = storePath(choice, socket);
  if (persist !== "none") provideDirectory(path, choice.store !== undefined);
  const journal = persist === "none"
    ? new NoJournal()
    : openChosen(choice, path, persist, log, clock);
  // It would be out of date when it is chosen again.
  if ((persist === "none" || path !== usual) && exists(usual)) {
    renameUnused(usual, "is not used by this daemon", log);
  }
  return journal;
}

/** What a host's domains left in the store means nothing after the host has been booted again. */
const OLD = "is from an earlier boot of this host";

function openChosen(
  choice: PersistenceChoice,
  path: string,
  durability: Durability,
  log: Log,
  clock: Clock,
): Journal {
  const { globs } = choice.keep ?? KEEP_NOTHING;
  if (globs.length > 0) {
    log("info", `the store file ${path}: after a boot of the host it keeps ${globs.join(", ")}`);
  }
  const found = finishReplacing(path);
  if (found !== null) log("info", `the store file ${path} ${OLD}: it is now ${found}`);
  let stampIsOld: boolean | null = null;
  const onStamp = (isOld: boolean): void => void (stampIsOld = isOld);
  const options = { durability, log: budgeted(log, clock), clock, bootId: bootId(), onStamp };
  try {
    const { isOld, journal } = openStore(path, { ...options, isAfterBoot: found !== null });
    if (!isOld) return journal;
    replaceButKeep(choice, path, journal, options);
  } catch (error) {
    // The loss of power may well have damaged it; but then it cannot be told what must be kept.
    const isNeedless = error instanceof DamagedError && globs.length === 0 &&
      (stampIsOld ?? isOlderThanBoot(path));
    if (!isNeedless) throw error;
    const renamed = replaceOldStore(path, { ...options, state: null });
    const why = `is damaged (${error.message}), and ${OLD}`;
    log("warning", `the store file ${path} ${why}: it is now ${renamed}`);
  }
  return openStore(path, { ...options, isAfterBoot: true }).journal;
}

const KEEP_NOTHING: Keep = { globs: [], domid: 0 };

/** Puts the store of an earlier boot aside; what the operator has named is in the new one. */
function replaceButKeep(
  { keep = KEEP_NOTHING }: PersistenceChoice,
  path: string,
  old: StoreJournal,
  options: {
    readonly durability: Durability;
    readonly bootId: string;
    readonly clock: Clock;
    readonly log: Log;
  },
): void {
  const { log } = options;
  const next = keep.globs.length === 0 ? null : keepFrom(old, keep);
  old.close();
  const renamed = replaceOldStore(path, { ...options, state: next?.state ?? null });
  const what = next === null
    ? ""
    : `, except ${counted(next.nodes, "kept node")}, without ${
      counted(next.entriesDropped, "permission entry")
    } ` +
      "for earlier domains";
  log("info", `the store file ${path} ${OLD}: it is now ${renamed}${what}`);
}

/** Whether a store that does not tell was last written before this boot of the host. */
function isOlderThanBoot(path: string): boolean {
  const booted = /^btime (\d+)$/m.exec(Deno.readTextFileSync("/proc/stat"))?.[1];
  return booted !== undefined && lastWritten(path) < Number(booted) * 1000;
}

function renameUnused(path: string, why: string, log: Log): void {
  const renamed = renameStore(path, "old");
  log("info", `the store file ${path} ${why}: it is now ${renamed}`);
}

/** Makes the directory of the usual place, but none that the operator named: that may be a slip. */
function provideDirectory(path: string, isNamed: boolean): void {
  const slash = path.lastIndexOf("/");
  if (slash <= 0) return;
  const directory = path.slice(0, slash);
  if (isNamed) {
    if (isDirectory(directory)) return;
    throw new JournalError(
      `--store ${path}: there is no directory ${directory} (make it, or name another place)`,
    );
  }
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new JournalError(
      `cannot make the directory of the store file, ${directory}: ${systemReason(error)} ` +
        "(--store names another place)",
    );
  }
}

function bootId(): string {
  return Deno.readTextFileSync(BOOT_ID).trim();
}
