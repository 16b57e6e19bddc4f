import { Dirty } from "../engine/dirty.ts";
import type { RingState } from "../engine/domain_control.ts";
import type { State } from "../engine/state.ts";
import { COMMIT_RETRY_MS, IMAGES_APART_MS } from "../limits.ts";
import type { Node } from "../store/node.ts";
import { ByteReader, DamagedError } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import { messageOf } from "./database.ts";
import { putDirty } from "./dirty_changes.ts";
import { putOthers } from "./image.ts";
import { ImageShelf } from "./image_shelf.ts";
import type { ImageSource, Journal } from "./journal.ts";
import { DISK_UPKEEP, type JournalParts, UPKEEP, type Upkeep } from "./journal_parts.ts";
import { NodeChanges } from "./node_changes.ts";
import { NodeWriter } from "./node_writer.ts";
import { Restorer } from "./restore.ts";
import { type HeldConnections, type Revival, reviveAll } from "./revive.ts";
import { TurnLog, type UpTo } from "./turn_log.ts";

/**
 * The journal in a SQLite file and its tail: one record a turn, whatever the number of its
 * changes, and now and then, piece by piece in idle moments, an image of everything that makes
 * older records needless.
 */
export class StoreJournal implements Journal {
  readonly dirty: Dirty = new Dirty();
  readonly keepsRings = true;
  readonly syncs: boolean;
  readonly #parts: JournalParts;
  readonly #upkeep: Upkeep;
  readonly #turns: TurnLog;
  readonly #images: ImageShelf;
  readonly #changes = new ByteWriter(65_536);
  readonly #nodes = new NodeWriter(this.#changes);
  #source: ImageSource | null = null;
  #turnBytes = 0;
  /** When the last image was begun. */
  #imagedAt = -Infinity;
  #logPages = 0;
  #logGrows = false;
  #hasStale = false;
  /** A tree is being staged, or not all have heard of it: an image would leave that out. */
  #staging = false;
  #full = false;
  /** The last commit failed: nothing is answered until it succeeds. */
  #held = false;
  #phase: "opened" | "begun" | "refused" = "opened";
  #onNewBoot: (() => void) | undefined;
  /** On a clock that only goes forward. */
  #retryAt = 0;

  constructor(parts: JournalParts) {
    const { database, durability, tail } = parts;
    const { upkeep = durability === "disk" ? DISK_UPKEEP : UPKEEP } = parts;
    this.#parts = parts;
    this.syncs = durability === "disk";
    this.#upkeep = upkeep;
    this.#onNewBoot = parts.onNewBoot;
    this.#images = new ImageShelf(database);
    this.#turns = new TurnLog(database, tail, durability, this.#images.upto);
  }

  /** Whether there is anything to go on from. */
  get isEmpty(): boolean {
    return this.#images.upto < 0;
  }

  get pendingBytes(): number {
    return this.#turnBytes;
  }

  get full(): boolean {
    return this.#full;
  }

  /**
   * Brings a fresh state to where the last life ended: its nodes, then its domains.
   *
   * @throws {DamagedError} when something in it can't be read.
   */
  recover(state: State, held?: HeldConnections): Revival | null {
    if (this.isEmpty) {
      if (this.#turns.everAny) this.#refuse("what its turns begin from is missing");
      return null;
    }
    const restorer = new Restorer(state);
    try {
      this.replay(restorer);
    } catch (error) {
      this.#refuse(messageOf(error));
    }
    if (this.#onNewBoot !== undefined) restorer.hostBooted();
    return reviveAll(state, restorer, held);
  }

  /**
   * Tells `sink` all that was persisted, in order; of the turns behind the newest image only
   * those that `upto` accepts.
   *
   * @throws {DamagedError} when something in it can't be read.
   */
  replay(sink: put.ChangeSink, upto: UpTo = () => true): void {
    try {
      this.#images.replay(sink);
      this.#turnBytes = this.#turns.replay(this.#images.upto, sink, upto);
      sink.end();
    } catch (error) {
      // SQLite finds some damage only where it is read.
      throw error instanceof DamagedError ? error : new DamagedError(messageOf(error));
    }
  }

  #refuse(why: string): never {
    this.#phase = "refused";
    this.#parts.onRefused?.();
    throw new DamagedError(why);
  }

  begin(source: ImageSource, afresh = false): void {
    this.#beginWriting();
    this.#source = source;
    this.dirty.clear();
    this.#clear();
    if (!this.isEmpty && !afresh) return;
    this.#logPages += this.#images.begin(source, this.#turns.last);
    while (this.#images.isMaking) this.#continueImage();
  }

  #clear(): void {
    this.#changes.clear();
    this.#nodes.restart();
  }

  #beginWriting(): void {
    if (this.#phase !== "opened") return;
    this.#parts.onBegin?.();
    this.#phase = "begun";
  }

  commit(): boolean {
    this.#putDirty();
    const { length, written } = this.#changes;
    if (length > 0) {
      if (!this.#append(written)) return false;
      this.#setHeld(null);
      this.#turnBytes += length;
      this.#clear();
    }
    if (this.#onNewBoot !== undefined && !this.#full) this.#noteBoot(this.#onNewBoot);
    return true;
  }

  /** Until there is space for it no domain can be introduced that a next life would bury. */
  #noteBoot(note: () => void): void {
    try {
      note();
      this.#onNewBoot = undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  #append(changes: Uint8Array<ArrayBuffer>): boolean {
    try {
      // While there is no space, each attempt would be another look at a disk that is full.
      if (!this.#full || performance.now() >= this.#retryAt) {
        this.#turns.append(changes);
        return true;
      }
    } catch (error) {
      this.#failed(error);
    }
    try {
      if (this.#appendInNeed(changes)) return true;
      this.#setHeld("there is no room for it");
    } catch (error) {
      // To put it into memory does not fail, to sync it may.
      if (this.#parts.durability !== "disk") throw error;
      this.#setHeld(messageOf(error));
    }
    return false;
  }

  /** Whether nothing can be kept, and why not; null when it can. */
  #setHeld(why: string | null): void {
    if (this.#held === (why !== null)) return;
    this.#held = why !== null;
    const { log, tail } = this.#parts;
    if (why === null) return log("warning", "what has changed is kept again: answers go out");
    const text = `what has changed can't be kept in ${tail.path} either, nobody is answered`;
    log("error", `${text} until it can: ${why}`);
  }

  /** The store file can't be written: the tail has to do, if need be without its history. */
  #appendInNeed(changes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#turns.appendToTail(changes)) return true;
    const { state, rings } = this.#source!;
    const nodes = new NodeChanges();
    this.#turns.replayTail(nodes, this.#images.upto);
    put.readChanges(new ByteReader(changes), nodes);
    put.putOthersGone(nodes.changes);
    putOthers(nodes.changes, state, rings());
    return this.#turns.replaceTail(nodes.changes.written, this.#images.upto);
  }

  #failed(error: unknown): void {
    if (!this.#full) {
      const reason = messageOf(error);
      const text = `the store file can't be written, changes are refused until it can: ${reason}`;
      this.#parts.log("warning", text);
    }
    this.#setFull(true);
    this.#retryAt = performance.now() + COMMIT_RETRY_MS;
  }

  #setFull(full: boolean): void {
    this.#full = full;
    if (this.#source !== null) this.#source.state.full = full;
  }

  /**
   * A slice of the work that needs nobody to wait for it: turns from the tail to the file,
   * images, old turns, checkpoints. True when there is more. `idle` says that nothing else is to
   * be done now; otherwise it only works on what is overdue.
   */
  tend(idle: boolean): boolean {
    if (this.#full && performance.now() < this.#retryAt) return false;
    try {
      return this.#tend(idle);
    } catch (error) {
      this.#images.abandon();
      const { database } = this.#parts;
      if (database.isTransaction) database.exec("ROLLBACK");
      this.#failed(error);
      return false;
    }
  }

  #tend(idle: boolean): boolean {
    const { drainBytes, pagesPerCheckpoint } = this.#upkeep;
    if (!this.#full && this.#logPages > pagesPerCheckpoint) {
      this.#checkpoint();
    } else if (this.#full || this.#turns.waiting > drainBytes) {
      this.#drain();
    } else if (this.#images.isMaking) {
      this.#continueImage();
      return true;
    } else if (this.#hasStale) {
      this.#deleteStale();
      return this.#hasStale && idle;
    } else if (this.#imageIsDue(idle)) {
      this.#turnBytes = 0;
      this.#imagedAt = performance.now();
      // What is marked from now on changes what the image has.
      this.#putDirty();
      this.#logPages += this.#images.begin(this.#source!, this.#turns.last);
      return true;
    }
    return false;
  }

  /** Not left for later: the more pages wait, the longer everyone waits for them. */
  #checkpoint(): void {
    this.#logPages = 0;
    const { database, log } = this.#parts;
    try {
      database.exec("PRAGMA wal_checkpoint(PASSIVE)");
      this.#logGrows = false;
    } catch (error) {
      // That it can't grow either is for its next writer to find out.
      const what = "the store file can't take what is in its log, which grows until it can";
      if (!this.#logGrows) log("warning", `${what}: ${messageOf(error)}`);
      this.#logGrows = true;
    }
  }

  /**
   * Earlier when nobody waits, and, since an image of 100,000 nodes is a tenth of a second of work,
   * later when the last one was made just now.
   */
  #imageIsDue(idle: boolean): boolean {
    const bytes = this.#turnBytes, image = this.#images.bytes;
    const least = this.#upkeep.imageAfterBytes * (idle ? 1 : 4);
    if (this.#staging || bytes <= Math.max(least, image * (idle ? 0.25 : 1))) return false;
    const isEarly = performance.now() - this.#imagedAt < IMAGES_APART_MS;
    return !isEarly || bytes > Math.max(least, image * (idle ? 2 : 4));
  }

  #drain(): void {
    const { waiting } = this.#turns;
    this.#turns.drain(this.#full);
    this.#logPages += 1 + (waiting >>> 12);
    if (!this.#full) return;
    // What could not be written last time may be more than that.
    if (this.#hasStale) this.#deleteStale();
    this.#setFull(false);
    this.#parts.log("warning", "the store file can be written again: changes are taken");
  }

  #continueImage(): void {
    this.#logPages += this.#images.continue();
    if (!this.#images.isMaking) this.#hasStale = true;
  }

  #deleteStale(): void {
    this.#hasStale = this.#turns.deleteUpTo(this.#images.upto, this.#upkeep.rowsDeletedMax);
    this.#logPages++;
  }

  handOver(to: string | null): void {
    try {
      this.#parts.onHandOver?.(to);
    } catch (error) {
      this.#parts.log(
        "warning",
        `the store file does not know that it is left: ${messageOf(error)}`,
      );
    }
  }

  get handedTo(): string | null {
    return this.#parts.handedTo ?? null;
  }

  /** The file alone then has everything, unless there is no space for it. */
  close(): void {
    if (this.#phase === "refused") return;
    const { database, onComplete, tail } = this.#parts;
    try {
      this.#beginWriting();
      this.#turns.drain();
      onComplete?.();
    } catch (error) {
      this.#parts.log("warning", `the last turns stay in ${tail.path}: ${messageOf(error)}`);
    }
    tail.close();
    database.close();
  }

  /** Puts down what is marked; behind that come only rings, whose records follow their domains'. */
  #putDirty(): void {
    const { dirty } = this;
    if (this.#source === null || dirty.isEmpty) return;
    putDirty(this.#changes, this.#nodes, this.#source.state, dirty);
    dirty.clear();
  }

  stage(path: string, node: Node): void {
    this.#staging = true;
    put.putStaged(this.#changes, path, node);
  }

  adoptStaged(): void {
    // What had changed of the former tree is gone with it.
    this.dirty.nodes.clear();
    put.putAdopted(this.#changes);
  }

  endStaging(heard: boolean): void {
    if (heard) put.putHeard(this.#changes);
    this.#staging = false;
  }

  ring(ring: RingState): void {
    if (this.#source === null) return;
    this.#putDirty();
    put.putRing(this.#changes, ring);
  }
}
