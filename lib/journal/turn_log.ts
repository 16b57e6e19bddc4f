import { type Clock, wallMs } from "../clock.ts";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { type ChangeSink, readChanges } from "../codec/journal/changes.ts";
import { checkedBytes, checksum } from "./checksum.ts";
import type { Durability } from "./database.ts";
import type { Tail } from "./tail.ts";
import { bridged, followed, unbridged } from "./turn_bridge.ts";
import { forgetRiding } from "./forget_riding.ts";
import { type Rider, RiderReplay, type RidingFrom } from "./rider.ts";
import {
  isRider,
  putRecord,
  readRecord,
  recordBytes,
  RecordMemory,
  riderNumber,
  turnAt,
  type TurnRecord,
} from "./turn_record.ts";

/** Up to which turn to read: asked before each; what it refuses ends the reading. */
export type UpTo = (turn: number, at: number) => boolean;

/**
 * The turns: numbered without a gap (but see turn_bridge.ts), the older ones in the store file, many
 * to a row, the latest in the tail. `crash` commits to the tail and moves its turns to the file
 * later; `disk` commits to the file, and to the tail only when the file cannot take more.
 */
export class TurnLog {
  readonly #database: DatabaseSync;
  readonly #tail: Tail;
  readonly #durability: Durability;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  #last: number;
  #stored: number;
  /** The highest number under which a row may be in the store file. */
  #tried = 0;
  /** Told before anything is forgotten; null where nothing rides with the turns. */
  rider: Rider | null = null;
  #replayed = new RiderReplay(null);
  /** The last turn that was not read, as an image has it. */
  #unread: number;

  /** `upto` is the last turn that the newest image contains. */
  constructor(
    database: DatabaseSync,
    tail: Tail,
    durability: Durability,
    upto: number,
    private readonly clock: Clock,
  ) {
    this.#database = database;
    this.#tail = tail;
    this.#durability = durability;
    this.#insert = database.prepare("INSERT INTO turns VALUES (?, ?, ?)");
    this.#delete = database.prepare(
      "DELETE FROM turns WHERE last IN (SELECT last FROM turns WHERE last <= ? ORDER BY last LIMIT ?)",
    );
    const row = database.prepare("SELECT max(last) AS n FROM turns").get();
    this.#stored = Math.max(Number(row?.["n"] ?? 0), upto);
    this.#last = this.#stored;
    for (const { turn } of tail.records()) this.#last = Math.max(this.#last, turn);
    this.#unread = this.#last;
  }

  /** The number of the last turn; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Whether there is or was a turn. */
  get everAny(): boolean {
    return this.#last > 0 || this.#tail.moved > 0;
  }

  /** Bytes of turns that the store file does not have yet. */
  get waiting(): number {
    return this.#tail.turnBytes;
  }

  /** The same, with what rides with them, which the store file does not get. */
  get waitingWithRiders(): number {
    return this.#tail.used;
  }

  /**
   * Makes the next turn durable with what rides with it, unless `rides` is false; where there are no changes, that rides with the
   * last turn. Returns whether it rides there.
   *
   * @throws {Error} when the store file would have to take it and cannot.
   */
  append(changes: Uint8Array<ArrayBuffer>, rides = false): boolean {
    const turn = this.#last + (changes.length === 0 ? 0 : 1), at = this.#wallMs();
    const toFile = this.#durability === "disk" && this.#tail.used === 0 && changes.length > 0;
    const isCarried = toFile
      ? this.#insertTurn(turn, at, changes, rides)
      : this.#toTail(turn, at, changes, this.#riding(rides))
      ? rides
      : this.#makeRoom(turn, at, changes, rides);
    this.#last = turn;
    return isCarried;
  }

  /** A question to the clock takes half as long as a request, so the rider's answer is used again. */
  #wallMs(): number {
    const at = this.rider === null ? 0 : this.rider.at;
    return at === 0 ? wallMs(this.clock) : Math.floor(at / 1_000);
  }

  #riding(rides: boolean): Uint8Array<ArrayBuffer> | null {
    return rides && this.rider !== null ? this.rider.take() : null;
  }

  /** Called when the tail is full. What rode with the turns may go with them, so it asks again for what rides now. */
  #makeRoom(turn: number, at: number, changes: Uint8Array<ArrayBuffer>, rides: boolean): boolean {
    this.drain();
    if (this.#toTail(turn, at, changes, this.#riding(rides))) return rides;
    // Of a turn that changes nothing, what rides with it is not worth a row of its own.
    if (changes.length === 0) return false;
    this.settle();
    this.#insertTurn(turn, at, changes, rides);
    this.#tail.clear(turn);
    return rides;
  }

  /** Makes the next turn durable although the store file cannot; false when there is no room. */
  appendToTail(changes: Uint8Array<ArrayBuffer>): boolean {
    const turn = this.#untried;
    const fitting = turn === this.#last + 1 ? changes : bridged(changes, this.#last);
    if (!this.#toTail(turn, wallMs(this.clock), fitting)) return false;
    this.#last = turn;
    return true;
  }

  #toTail(
    turn: number,
    at: number,
    changes: Uint8Array<ArrayBuffer>,
    riding: Uint8Array | null = null,
  ): boolean {
    return this.#tail.append(turn, at, changes, this.#durability === "disk", riding);
  }

  /** A number for the next turn that no row can have, even if its insertion has failed. */
  get #untried(): number {
    return Math.max(this.#last, this.#tried) + 1;
  }

  #insertTurn(turn: number, at: number, changes: Uint8Array, rides: boolean): boolean {
    const riding = this.#riding(rides), length = recordBytes(changes.length);
    const size = length + (riding === null ? 0 : recordBytes(riding.length));
    const records = new RecordMemory(new ArrayBuffer(size));
    putRecord(records, 0, turn, at, changes);
    if (riding !== null) putRecord(records, length, riderNumber(turn), at, riding);
    this.#insertRow(turn, records.bytes);
    this.#stored = turn;
    return rides;
  }

  #insertRow(last: number, records: Uint8Array<ArrayBuffer>): void {
    this.#tried = last;
    this.#insert.run(last, checksum(records, last), records);
  }

  /**
   * Puts `changes` in the place of all turns in the tail. They must lead from the last turn in the
   * file to where the last one in the tail led. False when there is no room.
   */
  replaceTail(changes: Uint8Array<ArrayBuffer>, upto: number): boolean {
    const turn = this.#untried;
    const fitting = bridged(changes, Math.max(this.#stored, upto));
    if (!this.#tail.replace(turn, wallMs(this.clock), fitting, this.#durability === "disk")) {
      return false;
    }
    this.#last = turn;
    return true;
  }

  /**
   * Tells `sink` of the changes that are in the tail only: not in the file's turns, nor in its
   * image of turn `upto`, behind which they would not fit.
   */
  replayTail(sink: ChangeSink, upto: number): void {
    const known = Math.max(this.#stored, upto);
    for (const { turn, changes } of this.#tail.records()) {
      if (turn > known) readChanges(new ByteReader(unbridged(changes)), sink);
    }
  }

  /**
   * Moves the turns of the tail to the store file, but for those up to `upto`, which an image has. With `probe` something is written in any case,
   * to see whether that is possible; `forgetsRiders` leaves nothing that rode with them.
   *
   * @throws {Error} when the file cannot be written; the tail then stays as it is.
   */
  drain(probe = false, upto = 0, forgetsRiders = false): void {
    if (this.#tail.used === 0 && !probe) return;
    // With `disk` the tail is to be empty, so that turns go to the file.
    const tail = this.#tail, isCrash = this.#durability === "crash";
    const keepsRiders = !forgetsRiders && isCrash && tail.turnBytes > 0 && tail.canKeepRiders;
    if (!keepsRiders) this.settle();
    if (probe) this.#database.exec("INSERT OR REPLACE INTO about VALUES ('space', 'found')");
    // A death between the insertion and the clearing has left turns in both.
    const records = this.#tail.turnsAfter(Math.max(this.#stored, upto));
    if (records !== null) this.#insertRow(this.#last, records);
    this.#stored = this.#last;
    if (keepsRiders) tail.clearTurns(this.#stored);
    else tail.clear(this.#stored);
  }

  /** Overwrites in the tail what it has forgotten. */
  eraseForgotten(): void {
    this.#tail.eraseUnused(this.#durability === "disk");
  }

  /** From now on turns come; `another` program may have had the store since the last one. */
  beginRiding(another: boolean): void {
    this.rider?.begin({ ...this.ridingFrom, another });
    this.noteMark();
  }

  /** From where the turns go on that were replayed. */
  get ridingFrom(): RidingFrom {
    const { alone } = this.#replayed, { mark } = this.#tail;
    return { last: this.#last, unread: this.#unread, alone, another: false, mark };
  }

  /** Notes how far the rider has come, before anything of the turn leaves the process: that needs no space. */
  noteMark(): void {
    if (this.rider !== null) this.#tail.mark = this.rider.mark;
  }

  /** Nothing that has ridden with a turn so far needs to be kept here any more. */
  settle(): void {
    this.rider?.settle(this.#last);
  }

  /**
   * Leaves nothing that has ridden with turns so far; `upto` is the last turn that an image has.
   *
   * @throws {Error} when the store file cannot be written.
   */
  *forgetRiding(upto: number): Generator<void, void, void> {
    this.settle();
    this.drain(false, upto, true);
    this.#tail.wipe();
    yield* forgetRiding(this.#database, this.#stored);
  }

  /**
   * Tells `sink` of the turns after `after`, in order, as far as `upto` lets it; returns their
   * bytes. What rides with turns is told to the rider.
   *
   * @throws {DamagedError} when one is missing or not what was written.
   */
  replay(after: number, sink: ChangeSink, upto: UpTo): number {
    const select = this.#database.prepare(
      "SELECT last, sum, records FROM turns WHERE last > ? ORDER BY last",
    );
    let last = after, size = 0;
    const riding = new RiderReplay(this.rider);
    const isNext = ({ turn, at, changes }: TurnRecord): boolean => {
      if (isRider(turn)) riding.carried(riderNumber(turn), changes);
      if (turn <= last) return true;
      if (!upto(turn, at)) return false;
      if (followed(turn, changes) > last) throw new DamagedError(`turn ${last + 1} is missing`);
      last = turn;
      riding.turn(turn, readChanges(new ByteReader(unbridged(changes)), sink));
      size += changes.length;
      return true;
    };
    for (const row of select.iterate(after)) {
      for (const record of recordsOf(row)) if (!isNext(record)) return size;
    }
    // SQLite cuts a log off at the first page that is not whole, without a word.
    if (last < this.#tail.moved) throw new DamagedError(`turn ${last + 1} is missing`);
    for (const record of this.#tail.records()) if (!isNext(record)) return size;
    this.#replayed = riding;
    this.#unread = after;
    return size;
  }

  /** Deletes at most `most` of the rows that end by turn `upto`; false when there are none left. */
  deleteUpTo(upto: number, most: number): boolean {
    const { changes } = this.#delete.run(upto, most);
    return Number(changes) === most;
  }
}

/** @throws {DamagedError} when the row, or a record in it, is not what was written. */
function* recordsOf(row: Record<string, SQLOutputValue>): Generator<TurnRecord> {
  const last = Number(row["last"]);
  const bytes = checkedBytes(row["records"], row["sum"], last, `the row of turns up to ${last}`);
  const memory = RecordMemory.of(bytes);
  for (let at = 0; at < bytes.length;) {
    const record = readRecord(memory, at, bytes.length);
    if (record === null) {
      throw new DamagedError(`turn ${turnAt(memory.view, at)} is not what was written`);
    }
    yield record;
    at += recordBytes(record.changes.length);
  }
}
