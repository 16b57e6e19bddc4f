import { Dirty } from "../engine/dirty.ts";
import type { RingState } from "../state/ring_state.ts";
import type { State } from "../engine/state.ts";
import { COMMIT_RETRY_MS, WATCH_BYTES_WHILE_FULL_MAX } from "../limits.ts";
import type { Draft } from "../store/draft.ts";
import type { Node } from "../store/node.ts";
import { Redaction } from "../store/redaction.ts";
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import * as put from "../codec/journal/changes.ts";
import { NetChanges } from "./net_changes.ts";
import { messageOf } from "./database.ts";
import { putDirty } from "./dirty_changes.ts";
import { Erasure } from "./erasure.ts";
import { makeRoom } from "./full_disk.ts";
import { ImageShelf } from "./image_shelf.ts";
import type { Before, ImageSource, Journal, Notes } from "./journal.ts";
import { DISK_UPKEEP, type JournalParts, UPKEEP } from "./journal_parts.ts";
import { NodeWriter } from "../codec/journal/node_writer.ts";
import { Replay } from "./replay.ts";
import type { Caution } from "./caution.ts";
import type { Rider, RidingFrom } from "./rider.ts";
import { type HeldConnections, type Recovered, recoverState } from "./recovery.ts";
import { TurnLog, type UpTo } from "./turn_log.ts";
import { recordBytes } from "./turn_record.ts";
import { makeShrinkable, StoreUpkeep } from "./upkeep.ts";

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
  redaction: Redaction = new Redaction();
  readonly #erasure: Erasure;
  readonly #upkeep: StoreUpkeep;
  readonly #turns: TurnLog;
  readonly #images: ImageShelf;
  readonly #changes = new ByteWriter(65_536);
  readonly #nodes = new NodeWriter(this.#changes);
  #source: ImageSource | null = null;
  #full = false;
  /** Whether the last turn was appended with what rides with it. */
  #isCarried = false;
  /** The last commit failed: nothing is answered until it succeeds. */
  #held = false;
  /** Bytes of turns behind the last image when it was read. */
  #behind = 0;
  isBehind = false;
  #phase: "opened" | "begun" | "refused" = "opened";
  /** On a clock that only goes forward. */
  #retryAt = 0;

  constructor(parts: JournalParts) {
    const { clock, database, durability, tail } = parts;
    const { upkeep = durability === "disk" ? DISK_UPKEEP : UPKEEP } = parts;
    this.#parts = parts;
    this.syncs = durability === "disk";
    this.#images = new ImageShelf(database);
    this.#turns = new TurnLog(database, tail, durability, this.#images.upto, clock);
    const erasure = this.#erasure = new Erasure(database, clock, parts.about);
    this.#upkeep = new StoreUpkeep(database, upkeep, this.#turns, this.#images, clock, erasure);
    // What is marked from then on changes what the image has.
    this.#upkeep.onImage = () => this.#putDirty();
  }

  /** Whether there is anything to go on from. */
  get isEmpty(): boolean {
    return this.#images.upto < 0;
  }

  get pendingBytes(): number {
    return this.#upkeep.behind;
  }

  get maintainAt(): number {
    return this.#full ? this.#retryAt : this.#upkeep.maintainAt;
  }

  get full(): boolean {
    return this.#full;
  }

  /**
   * Brings a fresh state to where the last life ended: its nodes, then its domains.
   *
   * @throws {DamagedError} when something in it cannot be read.
   */
  recover(state: State, held?: HeldConnections, caution?: Caution): Recovered | null {
    const replay = this.read(state.tree, () => caution?.progress());
    if (replay === null) return null;
    const recovered = recoverState(state, replay.records(), held, caution?.guestBytesMax);
    return { ...recovered, unheard: replay.unheard };
  }

  /**
   * Reads all that was persisted, its nodes into `tree`; null when there was nothing.
   *
   * @throws {DamagedError} when something in it cannot be read; the files then stay as they are.
   */
  read(tree: Draft, progress?: () => void): Replay | null {
    if (this.isEmpty) {
      if (this.#turns.everAny) this.#refuse("what its turns begin from is missing");
      return null;
    }
    const replay = new Replay(tree, progress);
    try {
      this.replay(replay, (_turn, at) => {
        this.lastTurnAt = at;
        return true;
      });
    } catch (error) {
      this.#refuse(messageOf(error));
    }
    return replay;
  }

  /**
   * Tells `sink` all that was persisted, in order; of the turns behind the newest image only
   * those that `upto` accepts. Returns from where they go on.
   *
   * @throws {DamagedError} when something in it cannot be read.
   */
  replay(sink: put.ChangeSink, upto: UpTo = () => true): RidingFrom {
    try {
      this.#images.replay(sink);
      this.#behind = this.#turns.replay(this.#images.upto, sink, upto);
      sink.end();
      return this.#turns.ridingFrom;
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

  begin(source: ImageSource, makesImage = false): void {
    this.#beginWriting();
    this.#source = source;
    this.dirty.clear();
    this.#clear();
    this.#upkeep.begin(source, this.#behind);
    this.#turns.beginRiding(makesImage && this.handedTo !== null);
    if (this.isEmpty || makesImage) this.#upkeep.makeImage();
    this.#enableShrinking();
    this.#parts.reserve?.fill();
  }

  #enableShrinking(): void {
    const { database, log } = this.#parts;
    try {
      makeShrinkable(database, this.#upkeep);
    } catch (error) {
      this.#upkeep.giveUp();
      log("warning", `the store file cannot be made one that shrinks yet: ${messageOf(error)}`);
    }
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

  get about(): Notes | null {
    return this.#parts.about ?? null;
  }

  get rider(): Rider | null {
    return this.#turns.rider;
  }

  set rider(rider: Rider | null) {
    this.#turns.rider = rider;
  }

  commit(): boolean {
    this.isBehind = this.#isCarried = false;
    this.#putDirty();
    const { length, written } = this.#changes, { rider } = this.#turns;
    if (length === 0) this.#commitRiders();
    else {
      if (!this.#append(written)) return false;
      rider?.committed(this.#isCarried);
      this.#setHeld(null);
      this.#upkeep.committed(recordBytes(length));
      this.#clear();
    }
    this.#turns.noteMark();
    return true;
  }

  /** Of a turn that changed nothing; with `disk` that is not worth a sync, so that the rider keeps it by itself. */
  #commitRiders(): void {
    const { rider } = this.#turns, hasAny = rider !== null && rider.take() !== null;
    const rides = hasAny && !this.#full && !this.syncs;
    if (rides && !this.#appendToFile(new Uint8Array(0))) return;
    rider?.committed(this.#isCarried);
    if (hasAny && this.syncs && !this.#full) this.#turns.settle();
  }

  #append(changes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#full && this.#appendToFile(changes)) return true;
    try {
      if (this.#appendInNeed(changes)) return true;
      // While there is no space, each attempt would be another look at a disk that is full.
      const mayTry = this.#parts.clock.now() >= this.#retryAt;
      if (mayTry && this.#appendToFile(changes, false)) return true;
      this.#setHeld("there is no room for it");
    } catch (error) {
      // To put it into memory does not fail, to sync it may.
      if (this.#parts.durability !== "disk") throw error;
      this.#setHeld(messageOf(error));
    }
    return false;
  }

  /** As usual: the store file gets it with what rides with it, or room is made by that in the tail. */
  #appendToFile(changes: Uint8Array<ArrayBuffer>, rides = true): boolean {
    try {
      this.#isCarried = this.#turns.append(changes, rides);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Whether nothing can be kept, and why not; null when it can. */
  #setHeld(why: string | null): void {
    if (this.#held === (why !== null)) return;
    this.#held = why !== null;
    const { log, tail } = this.#parts;
    if (why === null) return log("warning", "what has changed is kept again: answers go out");
    const text = `what has changed cannot be kept in ${tail.path} either, no client is answered`;
    log("error", `${text} until it can: ${why}`);
  }

  /** The store file cannot be written: the tail has to do, if need be without its history. */
  #appendInNeed(changes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#turns.appendToTail(changes)) return true;
    const net = new NetChanges();
    this.#turns.replayTail(net, this.#images.upto);
    put.readChanges(new ByteReader(changes), net);
    if (!this.#turns.replaceTail(net.finish(), this.#images.upto)) return false;
    this.#source!.state.spaceLeft = WATCH_BYTES_WHILE_FULL_MAX - net.watchBytes;
    return true;
  }

  #failed(error: unknown): void {
    if (!this.#full) {
      const reason = messageOf(error);
      const text = `the store file cannot be written, changes are refused until it can: ${reason}`;
      this.#parts.log("warning", text);
    }
    this.#setFull(true);
    this.#retryAt = this.#parts.clock.now() + COMMIT_RETRY_MS;
  }

  #setFull(full: boolean): void {
    this.#full = full;
    if (this.#source === null) return;
    const { state } = this.#source;
    // What has been registered since then counts until there is space again.
    if (full && !state.full) state.spaceLeft = WATCH_BYTES_WHILE_FULL_MAX;
    state.full = full;
  }

  /**
   * A slice of the work that needs nobody to wait for it: turns from the tail to the file,
   * images, old turns, checkpoints. True when there is more. `idle` says that nothing else is to
   * be done now; otherwise it only works on what is overdue.
   */
  maintain(idle: boolean): boolean {
    if (this.#full && this.#parts.clock.now() < this.#retryAt) return false;
    try {
      if (this.#full) return this.#makeRoom();
      const more = this.#upkeep.maintain(idle);
      this.isBehind = !idle && this.#upkeep.isOwed;
      if (idle && !more) this.#parts.reserve?.fill();
      return more;
    } catch (error) {
      this.#upkeep.giveUp();
      this.#failed(error);
      return false;
    }
  }

  /** Changes are taken again when there is space for them. True when there is more to be done. */
  #makeRoom(): boolean {
    const { clock, log, reserve } = this.#parts;
    const parts = { images: this.#images, reserve, turns: this.#turns, upkeep: this.#upkeep };
    const room = makeRoom(parts);
    if (room === "more") return true;
    if (room === "none") {
      this.#retryAt = clock.now() + COMMIT_RETRY_MS;
      return false;
    }
    this.#setFull(false);
    log("warning", "the store file can be written again: changes are taken");
    return false;
  }

  settle(): void {
    this.#turns.settle();
  }

  dropSpare(): void {
    this.#changes.dropSpare();
    this.#parts.tail.dropSpare();
    this.#upkeep.dropSpare();
  }

  forgetRiding(): Iterable<void> {
    return this.#turns.forgetRiding(this.#images.upto);
  }

  handOver(to: string | null): void {
    try {
      this.#parts.onHandOver?.(to);
    } catch (error) {
      const text = `the store file does not know that it is left: ${messageOf(error)}`;
      this.#parts.log("warning", text);
    }
  }

  get handedTo(): string | null {
    return this.#parts.handedTo ?? null;
  }

  lastTurnAt: number | null = null;

  get before(): Before {
    return this.#parts.before ?? "end";
  }

  /** The file alone then has everything, unless there is no space for it. */
  close(): void {
    if (this.#phase === "refused") return;
    const { database, onComplete, reserve, tail } = this.#parts;
    try {
      this.#beginWriting();
      this.#turns.settle();
      this.#turns.drain();
      onComplete?.();
    } catch (error) {
      this.#parts.log("warning", `the last turns stay in ${tail.path}: ${messageOf(error)}`);
    }
    reserve?.close();
    tail.close();
    database.close();
  }

  /** Puts down what is marked; behind that come only rings, whose records follow their domains'. */
  #putDirty(): void {
    const { dirty } = this;
    if (this.#source === null || dirty.isEmpty) return;
    this.#erasure.oweFor(dirty.nodes, this.redaction);
    putDirty(this.#changes, this.#nodes, this.#source.state, dirty);
    dirty.clear();
  }

  stage(path: string, node: Node): void {
    this.#upkeep.staging = true;
    put.putStaged(this.#changes, path, node);
  }

  adoptStaged(): void {
    // What had changed of the former tree is gone with it.
    this.dirty.nodes.clear();
    this.#erasure.owe();
    put.putAdopted(this.#changes);
  }

  endStaging(heard: boolean): void {
    if (heard) put.putHeard(this.#changes);
    this.#upkeep.staging = false;
  }

  ring(ring: RingState): void {
    if (this.#source === null) return;
    this.#putDirty();
    put.putRing(this.#changes, ring);
  }
}
