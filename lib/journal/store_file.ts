import { type Clock, systemClock } from "../clock.ts";
import type { DatabaseSync } from "node:sqlite";
import { exists } from "../files.ts";
import { READ_TRIES_MAX, RESERVE_BYTES_MAX } from "../limits.ts";
import { systemAdvice } from "../wire/system_error.ts";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import type { ChangeSink } from "../codec/journal/changes.ts";
import {
  asOurs,
  type Durability,
  JournalError,
  leaveAlone,
  messageOf,
  openDatabase,
  PAGE_BYTES,
} from "./database.ts";
import { type JournalParts, UPKEEP, type Upkeep } from "./journal_parts.ts";
import type { Notes } from "./journal.ts";
import { migrate } from "./layout.ts";
import type { RidingFrom } from "./rider.ts";
import { ReservedSpace } from "./reserved_space.ts";
import { StoreJournal } from "./store_journal.ts";
import { settleFile, settleNames } from "./settle.ts";
import { makeReadPlace } from "./read_place.ts";
import { Tail, TAIL_BYTES } from "./tail.ts";
import type { UpTo } from "./turn_log.ts";

/** Notes about the store file itself, in it. */
export class About implements Notes {
  constructor(private readonly database: DatabaseSync) {}

  get(name: string): string | null {
    const row = this.database.prepare("SELECT value FROM about WHERE name = ?").get(name);
    return row === undefined ? null : String(row["value"]);
  }

  /** Writes nothing when it says so already: there may be no space. */
  set(name: string, value: string): void {
    if (this.get(name) === value) return;
    this.database.prepare("INSERT OR REPLACE INTO about VALUES (?, ?)").run(name, value);
  }

  /** As {@link set}, that it says nothing. */
  remove(name: string): void {
    if (this.get(name) === null) return;
    this.database.prepare("DELETE FROM about WHERE name = ?").run(name);
  }
}

/** In what the file says about itself: who has taken over without it, and when. */
const HANDED_TO = "handed_to";

/** How far the rider had come at the orderly end. */
const MARK = "mark";

/** What it says of its durability until what `crash` has not synced is on the disk. */
const UNSYNCED = "unsynced";

/** How a store is opened. */
export interface StoreOptions {
  readonly durability: Durability;
  /** Which boot of the host this is; by default, that of the file. */
  readonly bootId?: string;
  /** The store is the first one after a boot of the host. */
  readonly isAfterBoot?: boolean;
  /** Told whether the file is of an earlier boot, as soon as it has said so itself. */
  readonly onStamp?: (isOld: boolean) => void;
  /** This machine's by default. */
  readonly clock?: Clock;
  readonly log: JournalParts["log"];
  readonly upkeep?: Upkeep;
  /** Size of a tail that is made. */
  readonly tailBytes?: number;
}

/** A store that is open. */
export interface OpenStore {
  readonly journal: StoreJournal;
  readonly about: About;
  /** The file is of an earlier boot: none of its domains is alive. It must be put aside. */
  readonly isOld: boolean;
}

/** Where the tail of the store file at `path` is. */
export function tailPath(path: string): string {
  return `${path}.tail`;
}

/**
 * Opens the store file at `path` with its tail, or makes both. Of a store that was there nothing
 * changes until it has been read and its journal begins.
 *
 * @throws {JournalError} when they cannot be used, {@link DamagedError} when they are damaged.
 */
export function openStore(path: string, options: StoreOptions): OpenStore {
  const { clock = systemClock, durability, log, upkeep } = options;
  const database = openDatabase(path, durability);
  let opened: OpenTail | null = null;
  const onRefused = (): void => {
    opened?.tail.close();
    leaveAlone(database, path);
    if (opened?.isNew) Deno.removeSync(opened.tail.path);
  };
  try {
    const about = new About(database);
    const id = idOf(about, tailPath(path));
    const stamp = about.get("boot_id");
    const { bootId = stamp ?? "" } = options;
    const isOld = stamp !== null && stamp !== bootId;
    if (stamp !== null) options.onStamp?.(isOld);
    if (stamp === null) about.set("boot_id", bootId);
    database.exec("BEGIN IMMEDIATE");
    migrate(database);
    opened = openTail(path, id, database, options);
    const { tail } = opened;
    const isSynced = durability !== "disk" || (about.get("durability") ?? "disk") === "disk";
    about.set("durability", isSynced ? durability : UNSYNCED);
    const handedTo = about.get(HANDED_TO);
    about.remove(HANDED_TO);
    const onComplete = (): void => {
      about.set(MARK, `${tail.mark}`);
      about.set("tail", "none");
      Deno.removeSync(tail.path);
    };
    const journal = new StoreJournal({
      database,
      tail,
      durability,
      clock,
      log,
      onBegin: () => {
        if (durability === "disk") settle(path);
        commitOpening(database, path, isSynced);
      },
      onRefused,
      onComplete,
      reserve: new ReservedSpace(`${path}.reserve`, reserveBytes(upkeep)),
      onHandOver: (to) => to === null ? about.remove(HANDED_TO) : about.set(HANDED_TO, to),
      handedTo,
      about,
      // An orderly end leaves no tail.
      before: options.isAfterBoot === true ? "boot" : opened.isNew ? "end" : "death",
      ...(upkeep === undefined ? {} : { upkeep }),
    });
    return { about, isOld, journal };
  } catch (error) {
    onRefused();
    throw asOurs(error, path);
  }
}

/** What SQLite's log may have between two checkpoints, and as much again for what makes room. */
function reserveBytes(upkeep: Upkeep | undefined): number {
  const { pagesPerCheckpoint } = upkeep ?? UPKEEP;
  return Math.min(2 * pagesPerCheckpoint * PAGE_BYTES, RESERVE_BYTES_MAX);
}

/** Nobody must be told anything, and nothing to be built on it, before it is on the disk. */
function settle(path: string): void {
  try {
    for (const companion of ["-wal", ".tail"]) settleFile(path + companion);
    settleNames(path);
  } catch (error) {
    throw new JournalError(`the store file ${path} cannot be made durable: ${messageOf(error)}`);
  }
}

function commitOpening(database: DatabaseSync, path: string, isSynced: boolean): void {
  try {
    database.exec("COMMIT");
    // By SQLite, which syncs the file itself: if we closed a descriptor of it, its lock would be gone.
    if (isSynced) return;
    database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    new About(database).set("durability", "disk");
  } catch (error) {
    throw new JournalError(`the store file ${path} cannot be written: ${messageOf(error)}`);
  }
}

interface OpenTail {
  readonly tail: Tail;
  /** It was made just now. */
  readonly isNew: boolean;
}

function openTail(
  store: string,
  id: string,
  database: DatabaseSync,
  options: StoreOptions,
): OpenTail {
  const path = tailPath(store), about = new About(database);
  if (about.get("tail") === "open") {
    return { tail: Tail.open(path, id, isTorn(about)), isNew: false };
  }
  if (exists(path)) checkNeedless(path, id, isTorn(about), lastStored(database));
  try {
    const tail = Tail.create(path, id, options.tailBytes ?? TAIL_BYTES);
    tail.mark = Number(about.get(MARK) ?? 0);
    about.set("tail", "open");
    return { tail, isNew: true };
  } catch (error) {
    throw new JournalError(
      `the file of the last turns, ${path}, cannot be made: ${systemAdvice(error, "write")}`,
    );
  }
}

/**
 * A tail that the store file knows nothing of is left from an orderly end, or the file is not as
 * it was: its log may have lost what came behind an orderly end before that.
 */
function checkNeedless(path: string, id: string, mayTear: boolean, storedLast: number): void {
  const tail = Tail.open(path, id, mayTear);
  let last = tail.moved;
  // With `disk` it may be that it was emptied and the disk was not told.
  for (const { turn } of tail.records()) last = Math.max(last, turn);
  tail.close();
  if (last > storedLast) throw new DamagedError(`its last turns, in ${path}, are not known to it`);
}

/** The last turn that the store file has. */
function lastStored(database: DatabaseSync): number {
  const select = "SELECT max(last) AS n FROM turns UNION SELECT max(upto) FROM images";
  return Math.max(0, ...database.prepare(select).all().map(({ n }) => Number(n ?? 0)));
}

/** What went through a loss of power may end in the middle of a record that nobody was told of. */
function isTorn(about: About): boolean {
  return about.get("durability") === "disk";
}

/** The store's id; a new store is given one before it has a tail. */
function idOf(about: About, tail: string): string {
  const known = about.get("id");
  if (known !== null) return known;
  if (exists(tail)) throw new DamagedError(`it does not know its last turns, in ${tail}`);
  const id = crypto.randomUUID();
  about.set("id", id);
  return id;
}

/**
 * Tells `sink` what the store file at `path` holds, up to the turn that `upto` refuses. The file
 * is not touched, and may be that of a daemon that is running.
 *
 * @throws {JournalError} when it is not a store file, {@link DamagedError} when it is damaged.
 */
export function readStore(path: string, makeSink: () => ChangeSink, upto?: UpTo): void {
  for (let tries = 1;; tries++) {
    using place = makeReadPlace();
    const copy = `${place.path}/store`;
    try {
      copyStore(path, copy);
      return readCopy(copy, makeSink(), upto);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      if (tries === READ_TRIES_MAX) throw new DamagedError(error.message.replaceAll(copy, path));
    }
  }
}

/** What rode with the turns of a store, for the history that has not got it yet. */
export interface Carried {
  /** The id of the store. */
  readonly id: string;
  /** In order. */
  readonly bytes: readonly Uint8Array[];
  readonly from: RidingFrom;
}

/**
 * What a daemon that was killed has left in the turns of the store file at `path`, which is not touched; null after an orderly end.
 *
 * @throws {JournalError} when it is no store file, {@link DamagedError} when it is damaged.
 */
export function readCarried(path: string, sink: ChangeSink): Carried | null {
  if (!exists(tailPath(path))) return null;
  using place = makeReadPlace();
  const copy = `${place.path}/store`;
  copyStore(path, copy);
  const { about, journal } = openStore(copy, { durability: "crash", log: () => {} });
  const bytes: Uint8Array[] = [];
  journal.rider = {
    recover: (some) => void bytes.push(some.slice()),
    begin: () => {},
    take: () => null,
    committed: () => {},
    settle: () => {},
    at: 0,
    mark: 0,
  };
  try {
    const from = journal.replay(sink);
    return { id: about.get("id") ?? "", bytes, from };
  } finally {
    journal.close();
  }
}

function copyStore(path: string, to: string): void {
  for (const companion of ["", "-wal", ".tail"]) {
    const file = path + companion;
    try {
      if (!Deno.statSync(file).isFile) throw new JournalError("it is no file (move it away)");
      Deno.copyFileSync(file, to + companion);
    } catch (error) {
      if (companion !== "" && error instanceof Deno.errors.NotFound) continue;
      const why = systemAdvice(error, "read");
      throw new JournalError(`the store file ${file} cannot be read: ${why}`);
    }
  }
}

function readCopy(path: string, sink: ChangeSink, upto?: UpTo): void {
  const { journal } = openStore(path, { durability: "crash", log: () => {} });
  try {
    journal.replay(sink, upto);
  } finally {
    journal.close();
  }
}
