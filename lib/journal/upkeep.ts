import type { Clock } from "../clock.ts";
import type { DatabaseSync } from "node:sqlite";
import {
  ERASED_PAGES_PER_SLICE,
  IMAGE_BYTES_LEAST,
  IMAGE_RETRY_MS,
  IMAGES_APART_MS,
  PAGES_PER_SLICE,
  PIECES_DELETED_MAX,
  TAIL_RIDING_BYTES_MAX,
  UPKEEP_BYTES_LEAST,
  UPKEEP_OWED_MAX,
  UPKEEP_SHARE,
  UPKEEP_SLICE_BYTES,
  UPKEEP_STEPS_PER_TURN_MAX,
} from "../limits.ts";
import { AUTO_VACUUM_INCREMENTAL, dropPageCache, PAGE_BYTES, pragma } from "./database.ts";
import type { Erasure } from "./erasure.ts";
import { FreePages } from "./free_pages.ts";
import type { ImageShelf } from "./image_shelf.ts";
import type { ImageSource } from "./journal.ts";
import type { Upkeep } from "./journal_parts.ts";
import type { TurnLog } from "./turn_log.ts";

/** Turns behind the last image, as a part of its bytes, at which the next cannot wait. */
const URGENT_PART = 1.25;
/** The same, at which one is worth making when the last was made a while ago: at any time, or when idle. */
const DUE_PART = 1;
const IDLE_PART = 0.25;
/** An image that is more than so many times what one would be now is not worth keeping. */
const SHRUNK_PART = 2;

/** A slice that overwrites what it deletes has so many times less of it, since it writes all these pages. */
const ERASED_PART = 4;
/** Of an image, by what is charged: more than any takes, for where it has to fit. */
const IMAGE_BYTES_PER_CHARGED = 1.5;

/**
 * The upkeep of the store file. What is in it is the last whole image, the turns behind it, an image
 * under way, and what these have made needless. Each turn that adds bytes also pays for upkeep, in
 * proportion ({@link UPKEEP_SHARE}): so an image that is begun at some size of the turns behind the
 * last one is whole before these have grown by a quarter of its size, whatever the load. This is how
 * an incremental collector of garbage keeps its heap within a bound.
 */
export class StoreUpkeep {
  readonly #database: DatabaseSync;
  readonly #free: FreePages;
  readonly #turns: TurnLog;
  readonly #images: ImageShelf;
  readonly #settings: Upkeep;
  /** Called when an image is about to be begun. */
  onImage: () => void = () => {};
  /** A tree is being staged, or not all have heard of it: an image would leave that out. */
  staging = false;
  /** When an image is due even if nothing happens, by the clock; Infinity for not before it does. */
  #imageAt = Infinity;
  #source: ImageSource | null = null;
  /** Bytes of turns behind the last whole image, and behind the one under way. */
  #behind = 0;
  #behindMaking = 0;
  /** Bytes of upkeep that turns have caused and not paid for yet. */
  #owed = 0;
  /** When the last image was begun. */
  #imagedAt = -Infinity;
  /** How many bytes of an image a byte of memory that is charged took in the last one. */
  #bytesPerCharged = 1;
  #memoryAtBegin = 1;
  /** {@link #behind} when it was last looked whether the tree has shrunk. */
  #lookedAt = -1;
  #isShrunk = false;
  #logPages = 0;
  /** What may be needless: rows behind which there is an image, pieces of former ones. */
  #staleTurns = true;
  #stalePieces = true;

  constructor(
    database: DatabaseSync,
    settings: Upkeep,
    turns: TurnLog,
    images: ImageShelf,
    private readonly clock: Clock,
    private readonly erasure: Erasure,
  ) {
    this.#database = database;
    this.#free = new FreePages(database);
    this.#settings = settings;
    this.#turns = turns;
    this.#images = images;
  }

  /** From now on images are made of `source`; `behind` bytes of turns are behind the last one. */
  begin(source: ImageSource, behind: number): void {
    this.#source = source;
    this.#behind = behind;
    this.#memoryAtBegin = Math.max(1, source.state.accounts.total("memory"));
    this.#bytesPerCharged = this.#images.bytes / this.#memoryAtBegin;
    this.erasure.resume();
  }

  /** When to go on even if nothing happens, by the clock; Infinity for not before it does. */
  get maintainAt(): number {
    return this.staging ? this.#imageAt : Math.min(this.#imageAt, this.erasure.dueAt);
  }

  /** A turn of so many bytes was committed. */
  committed(bytes: number): void {
    this.#behind += bytes;
    this.#behindMaking += bytes;
    this.#owed += bytes * UPKEEP_SHARE;
  }

  /** Bytes of turns behind the last whole image. */
  get behind(): number {
    return this.#behind;
  }

  /** Makes a whole image now. */
  makeImage(): void {
    this.#beginImage();
    while (this.#images.isMaking) this.#continueImage();
  }

  /** A slice of the image under way, behind which the file has all that is in the log. */
  continueImage(): void {
    if (this.#logPages > this.#settings.pagesPerCheckpoint) this.checkpoint();
    this.#continueImage();
  }

  /** Bytes of free pages in the file. */
  get freeBytes(): number {
    return this.#free.bytes;
  }

  /** More than an image of everything would take now. */
  get imageBytesMost(): number {
    const charged = this.#source!.state.accounts.total("memory");
    return IMAGE_BYTES_LEAST + charged * IMAGE_BYTES_PER_CHARGED;
  }

  /** Begins an image, if it would make room where there is none; not again and again at once. */
  beginImageForRoom(): boolean {
    const now = this.clock.now();
    if (this.staging || now - this.#imagedAt < IMAGE_RETRY_MS) return false;
    if (!this.#isBehind(0, IDLE_PART) && !this.#hasShrunk(true)) return false;
    this.#beginImage();
    return true;
  }

  /** Gives so many bytes of free pages back, if there are as many. */
  giveBack(bytes: number): void {
    this.#logPages += 2 * this.#free.giveBack(bytes);
  }

  /** Removes all that is needless now. */
  deleteAllStale(): void {
    while (this.#deleteStale());
  }

  /** Gives up the image under way, of which the pieces are needless from then on. */
  abandonImage(): void {
    this.erasure.abandon();
    if (!this.#images.isMaking) return;
    this.#images.abandon();
    this.#stalePieces = true;
    // Not at once: it would come to the same end.
    this.#imagedAt = this.clock.now();
  }

  /** Gives up all that is under way in the store file. */
  giveUp(): void {
    this.abandonImage();
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  /** Gives up memory that is only kept for reuse. */
  dropSpare(): void {
    this.#images.dropSpare();
    dropPageCache(this.#database);
  }

  /** Whether turns have caused more than was done since. */
  get isOwed(): boolean {
    return this.#owed > 0;
  }

  /**
   * What must be done between two turns. True when there is more that nobody has to wait for, and
   * which is done with `idle` only; else one thing that is due, as quiet clients may have asked meanwhile.
   */
  maintain(idle: boolean): boolean {
    if (idle) {
      while (this.#flushLog());
      const done = this.#step(true);
      this.#owed = done === 0 ? 0 : Math.max(0, this.#owed - done);
      return done > 0;
    }
    this.#owed += UPKEEP_BYTES_LEAST;
    if (this.#owed > UPKEEP_OWED_MAX) this.#catchUp();
    else if (!this.#flushLog()) this.#pay();
    return false;
  }

  #catchUp(): void {
    while (this.#flushLog());
    for (let n = 0; this.#owed > 0 && n < UPKEEP_STEPS_PER_TURN_MAX; n++) this.#pay();
  }

  #pay(): void {
    const done = this.#step(false);
    if (done === 0) this.#owed = 0;
    this.#owed -= done;
  }

  /** Brings on its way what waits in SQLite's log, or else in the tail; false when it is not much. */
  #flushLog(): boolean {
    if (this.#logPages > this.#settings.pagesPerCheckpoint) this.checkpoint();
    else if (this.#isMuchWaiting) this.drain();
    else return false;
    return true;
  }

  /** What rides with the turns takes no space in the file, but it is to go on when it is much. */
  get #isMuchWaiting(): boolean {
    const { waiting, waitingWithRiders } = this.#turns;
    return waiting > this.#settings.drainBytes ||
      waitingWithRiders - waiting > TAIL_RIDING_BYTES_MAX;
  }

  /** One slice; returns the bytes that it counts as, 0 when there was nothing to do. */
  #step(idle: boolean): number {
    if (this.#images.isMaking) return this.#continueImage();
    if (this.#staleTurns || this.#stalePieces) {
      this.#deleteStale();
      return UPKEEP_SLICE_BYTES;
    }
    if (this.erasure.isUnderWay) return this.#endErasure();
    if (this.erasure.isDue && !this.staging) return this.#beginErasure();
    if (this.imageIsDue(idle)) return this.#beginImage();
    return this.#free.mayShrink(idle) ? this.#shrink(idle) : 0;
  }

  /** Turns behind the last image have come to the size at which the next one cannot wait. */
  get imageIsUrgent(): boolean {
    return this.#isBehind(4, URGENT_PART);
  }

  /** Whether an image is worth making now. */
  imageIsDue(idle: boolean): boolean {
    if (this.staging || this.#source === null) return false;
    if (this.imageIsUrgent) return true;
    this.#imageAt = Infinity;
    const isWorthIt = idle ? this.#isBehind(1, IDLE_PART) : this.#isBehind(4, DUE_PART);
    // What is left of a tree costs little, and gives back what there was.
    if (this.#hasShrunk(idle)) return true;
    if (!isWorthIt) return false;
    const dueAt = this.#imagedAt + IMAGES_APART_MS;
    if (this.clock.now() >= dueAt) return true;
    this.#imageAt = dueAt;
    return false;
  }

  /** Of the last image's bytes, or so many times the least that counts. */
  #isBehind(least: number, part: number): boolean {
    const { imageAfterBytes } = this.#settings;
    return this.#behind > Math.max(imageAfterBytes * least, this.#images.bytes * part);
  }

  /** The tree is so much smaller than the last image that a new one gives most of its space back. */
  #hasShrunk(idle: boolean): boolean {
    const { imageAfterBytes } = this.#settings;
    const { bytes } = this.#images;
    if (bytes <= imageAfterBytes) return false;
    if (this.#behind - this.#lookedAt > (idle ? 0 : imageAfterBytes)) {
      this.#lookedAt = this.#behind;
      const now = this.#source!.state.accounts.total("memory") * this.#bytesPerCharged;
      this.#isShrunk = bytes > now * SHRUNK_PART + imageAfterBytes;
    }
    return this.#isShrunk;
  }

  /** First the free pages go, in which former records may be, then an image is begun behind all turns of the tail. */
  #beginErasure(): number {
    if (this.#free.giveSliceBack()) {
      this.#logPages += 2 * PAGES_PER_SLICE;
      return UPKEEP_SLICE_BYTES;
    }
    this.drain();
    this.erasure.begin();
    return this.#beginImage();
  }

  /** The former image and its turns are deleted: what is left of them is in the tail and in the log. */
  #endErasure(): number {
    this.drain();
    this.#turns.eraseForgotten();
    this.erasure.end();
    this.#logPages = 0;
    return UPKEEP_SLICE_BYTES;
  }

  #beginImage(): number {
    this.onImage();
    this.#imagedAt = this.clock.now();
    this.#behindMaking = 0;
    this.#memoryAtBegin = Math.max(1, this.#source!.state.accounts.total("memory"));
    return this.#wrote(this.#images.begin(this.#source!, this.#turns.last));
  }

  #continueImage(): number {
    const bytes = this.#wrote(this.#images.continue());
    if (this.#images.isMaking) return bytes;
    // Turns that it contains are not read at the next start, nor what rides with them.
    this.#turns.settle();
    this.#behind = this.#behindMaking;
    this.#lookedAt = -1;
    this.#isShrunk = false;
    this.#bytesPerCharged = this.#images.bytes / this.#memoryAtBegin;
    this.#staleTurns = this.#stalePieces = true;
    return bytes;
  }

  #wrote(bytes: number): number {
    this.#logPages += 1 + Math.ceil(bytes / PAGE_BYTES);
    return Math.max(bytes, PAGE_BYTES);
  }

  /** A slice of what is needless; false when there was none left. */
  #deleteStale(): boolean {
    const { isUnderWay } = this.erasure, part = isUnderWay ? ERASED_PART : 1;
    this.#logPages += isUnderWay ? ERASED_PAGES_PER_SLICE : 2;
    if (this.#stalePieces) this.#stalePieces = this.#images.deleteStale(PIECES_DELETED_MAX / part);
    else if (this.#staleTurns) {
      const rows = Math.ceil(this.#settings.rowsDeletedMax / part);
      this.#staleTurns = this.#turns.deleteUpTo(this.#images.upto, rows);
    }
    this.#free.freed();
    return this.#stalePieces || this.#staleTurns;
  }

  /** Gives pages back that were free for long. */
  #shrink(idle: boolean): number {
    const pages = this.#free.shrink(idle, this.#images.bytes);
    this.#logPages += 2 * pages;
    return pages === 0 ? 0 : UPKEEP_SLICE_BYTES;
  }

  /** Moves the turns in the tail to the file; see TurnLog.drain. */
  drain(probe = false): void {
    const { waiting } = this.#turns;
    this.#turns.drain(probe, this.#images.upto);
    this.#wrote(waiting);
  }

  /**
   * Not left for later: the more pages wait, the longer everyone waits for them.
   *
   * @throws {Error} when the file cannot take them: else the log would grow until it can.
   */
  checkpoint(): void {
    this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    this.#logPages = 0;
  }
}

/** A file of before layout 2 never gets smaller unless it is written again: once, and not all of it. */
export function makeShrinkable(database: DatabaseSync, upkeep: StoreUpkeep): void {
  if (pragma(database, "auto_vacuum") === AUTO_VACUUM_INCREMENTAL) return;
  upkeep.makeImage();
  upkeep.deleteAllStale();
  // Its working copy would else be a file in /var/tmp.
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
}
