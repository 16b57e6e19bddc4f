import { removeIfThere } from "../files.ts";
import { LOOPED_WORDS_MAX, TAIL_HALF_BYTES, TAIL_RIDING_BYTES_MAX } from "../limits.ts";
import { mapFile, unmapFile, viewMemory } from "../../ffi/shared_memory.ts";
import { toBytes, toText } from "../wire/text.ts";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import {
  isRider,
  nextRecord,
  putRecord,
  readRecord,
  recordBytes,
  RecordMemory,
  riderNumber,
  turnAt,
  type TurnRecord,
} from "./turn_record.ts";

/**
 * The tail: the last turns, in memory that outlives the process. It is a file beside the store
 * file, allocated once and mapped, so that to commit a turn is to copy its bytes: no system call,
 * and no want of space. Now and then its turns go into the store file, many at a time.
 *
 *     0   "xs-tail\x01"
 *     8   u32: where the newest record ends, which also says in which half the records are
 *     12  u32: how far the rider has come (rider.ts), whether or not there was room for what it carried
 *     16  the id of the store file it belongs to, 36 characters
 *     56  f64: the last turn that went into the store file from here
 *     64  the first half: records, one behind the other; the second half alike
 *
 * Records are those of turn_record.ts. One counts from the moment at which the word at 8 points
 * behind it.
 */
const MAGIC = "xs-tail\x01";
const END_AT = 8;
const MARK_AT = 12;
const ID_AT = 16;
const ID_BYTES = 36;
const MOVED_AT = 56;
const HEADER_BYTES = 64;
/** Of the usual tail. */
export const TAIL_BYTES = HEADER_BYTES + 2 * TAIL_HALF_BYTES;

/**
 * The records of a tail file's bytes, which must be those of store `id`. With `mayTear` (the
 * bytes have been through a loss of power) one that is not whole ends them.
 *
 * @throws {DamagedError} when they are not what was written.
 */
export function* readTail(
  bytes: Uint8Array<ArrayBuffer>,
  id: string,
  mayTear: boolean,
): Generator<TurnRecord> {
  checkHeader(bytes, id);
  const memory = RecordMemory.of(bytes), end = memory.view.getUint32(END_AT, true);
  let at = startOfHalf(bytes.length, end);
  if (at < 0) {
    throw new DamagedError(`the tail's records end at ${end}, which is no place for that`);
  }
  while (at < end) {
    const record = readRecord(memory, at, end);
    if (record === null) {
      if (mayTear) return;
      throw new DamagedError(`the tail's record at ${at} is not what was written`);
    }
    yield record;
    at += recordBytes(record.changes.length);
  }
}

function checkHeader(bytes: Uint8Array, id: string): void {
  if (bytes.length < HEADER_BYTES || toText(bytes, 0, MAGIC.length) !== MAGIC) {
    throw new DamagedError("the tail file beside it is none");
  }
  const found = toText(bytes, ID_AT, ID_AT + ID_BYTES);
  if (found !== id) throw new DamagedError("the tail file beside it belongs to another store file");
}

/** Where the half begins in which records end at `end`; negative for no such place. */
function startOfHalf(size: number, end: number): number {
  const middle = middleOf(size);
  if (end % 8 !== 0 || end < HEADER_BYTES || end > size) return -1;
  // A full first half ends where the second begins: no half is ever filled to the last byte.
  return end < middle ? HEADER_BYTES : middle;
}

function middleOf(size: number): number {
  return HEADER_BYTES + (size - HEADER_BYTES >>> 4) * 8;
}

/** A tail file that is open for writing. */
export class Tail {
  readonly #address: Deno.PointerObject;
  readonly #size: number;
  readonly #memory: RecordMemory;
  #start: number;
  #end: number;
  /** Where turns are put together without what rides with them, again and again. */
  #turns = new Uint8Array(0);
  /** Bytes of records that ride with turns. */
  #riding = 0;
  /** Of these, those in front of all turns: they need not be looked through again. */
  #ridingFirst = 0;

  private constructor(readonly path: string, size: number) {
    this.#address = mapFile(path, size);
    this.#size = size;
    this.#memory = new RecordMemory(viewMemory(this.#address, size));
    this.#end = this.#memory.words[END_AT / 4]!;
    this.#start = startOfHalf(size, this.#end);
  }

  /**
   * Makes an empty tail of `size` bytes for store `id`, in the place of one that is there. It has its
   * name only when it is whole: half a tail would be taken for damage.
   *
   * @throws {Error} when there is no space for all of it.
   */
  static create(path: string, id: string, size: number = TAIL_BYTES): Tail {
    const bytes = new Uint8Array(size);
    bytes.set(toBytes(MAGIC));
    new DataView(bytes.buffer).setUint32(END_AT, HEADER_BYTES, true);
    bytes.set(toBytes(id), ID_AT);
    const part = `${path}.part`;
    removeIfThere(part);
    try {
      Deno.writeFileSync(part, bytes, { createNew: true, mode: 0o600 });
      Deno.renameSync(part, path);
    } catch (error) {
      removeIfThere(part);
      throw error;
    }
    return new Tail(path, size);
  }

  /**
   * Opens the tail of store `id`, which its records must belong to.
   *
   * @throws {DamagedError} when it is missing, or not what was written.
   */
  static open(path: string, id: string, mayTear: boolean): Tail {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = Deno.readFileSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new DamagedError(`the file with the last turns, ${path}, is missing`);
    }
    const records = [...readTail(bytes, id, mayTear)];
    const tail = new Tail(path, bytes.length);
    let whole = tail.#start;
    for (const { changes, turn } of records) {
      whole += recordBytes(changes.length);
      if (isRider(turn)) tail.#riding += recordBytes(changes.length);
    }
    if (whole < tail.#end) tail.#publish(whole);
    return tail;
  }

  /** Bytes of records. */
  get used(): number {
    return this.#end - this.#start;
  }

  /** Bytes of the turns alone, without what rides with them. */
  get turnBytes(): number {
    return this.used - this.#riding;
  }

  /**
   * The bytes of all turns behind turn `after`, without what rides with them, valid until the tail changes; null
   * when there are none.
   */
  turnsAfter(after: number): Uint8Array<ArrayBuffer> | null {
    let at = this.#start + this.#ridingFirst;
    while (at < this.#end && turnAt(this.#memory.view, at) <= after) {
      at = nextRecord(this.#memory.view, at);
    }
    if (at >= this.#end) return null;
    return this.#riding === 0 ? this.#memory.bytes.subarray(at, this.#end) : this.#turnsFrom(at);
  }

  #turnsFrom(from: number): Uint8Array<ArrayBuffer> {
    if (this.#turns.length < this.#end - from) this.#turns = new Uint8Array(this.#end - from);
    const turns = this.#turns;
    let length = 0;
    for (let at = from; at < this.#end;) {
      const next = nextRecord(this.#memory.view, at);
      if (!isRider(turnAt(this.#memory.view, at))) {
        turns.set(this.#memory.bytes.subarray(at, next), length);
        length += next - at;
      }
      at = next;
    }
    return turns.subarray(0, length);
  }

  /** Gives up the memory where turns were put together. */
  dropSpare(): void {
    this.#turns = new Uint8Array(0);
  }

  /** All records, the oldest first. Each is valid until the tail changes. */
  *records(): Generator<TurnRecord> {
    for (let at = this.#start; at < this.#end;) {
      const record = readRecord(this.#memory, at, this.#end);
      if (record === null) throw new DamagedError(`the tail's record at ${at} was overwritten`);
      yield record;
      at += recordBytes(record.changes.length);
    }
  }

  /**
   * Adds a turn with what rides with it, with `durably` so that the disk has both; false when there is no room for them.
   *
   * @throws {Error} when the disk does not take it, and it is not added.
   */
  append(
    turn: number,
    when: number,
    changes: Uint8Array,
    durably = false,
    riding: Uint8Array | null = null,
  ): boolean {
    const limit = this.#limit(this.#start);
    // What rides with a turn that changes nothing rides with the one before.
    const turnEnd = changes.length === 0 && riding !== null
      ? this.#end
      : this.#put(this.#end, limit, turn, when, changes);
    if (turnEnd < 0) return false;
    const end = riding === null
      ? turnEnd
      : this.#put(turnEnd, limit, riderNumber(turn), when, riding);
    if (end < 0) return false;
    if (durably) this.#publishDurably(end);
    else this.#publish(end);
    this.#riding += end - turnEnd;
    return true;
  }

  /**
   * Puts one turn in the place of all that are there, in one step: it goes to the half that is
   * not in use. False when there is no room for it.
   *
   * @throws {Error} as {@link append}
   */
  replace(turn: number, when: number, changes: Uint8Array, durably = false): boolean {
    const start = this.#otherStart();
    const end = this.#put(start, this.#limit(start), turn, when, changes);
    if (end < 0) return false;
    // The disk may take the page that says where the records end before the others.
    if (durably) this.sync();
    if (durably) this.#publishDurably(end);
    else this.#publish(end);
    this.#start = start;
    this.#riding = this.#ridingFirst = 0;
    return true;
  }

  /** Forgets all records: the store file has the turns, up to `last`, and their rider what rode with them. */
  clear(last: number): void {
    this.#memory.view.setFloat64(MOVED_AT, last, true);
    this.#publish(this.#start);
    this.#riding = this.#ridingFirst = 0;
  }

  /** Overwrites what records were there before; the ones that count stay. */
  wipe(): void {
    if (this.#start === HEADER_BYTES) this.#memory.bytes.fill(0, this.#end);
    else this.#memory.bytes.fill(0, HEADER_BYTES, this.#start).fill(0, this.#end);
  }

  /** Forgets the turns only, which the store file has up to `last`: what rides with them goes to the half that is not in use. */
  clearTurns(last: number): void {
    const start = this.#otherStart(), first = this.#start + this.#ridingFirst;
    this.#memory.bytes.copyWithin(start, this.#start, first);
    let to = start + this.#ridingFirst;
    for (let at = first; at < this.#end;) {
      const next = nextRecord(this.#memory.view, at);
      if (isRider(turnAt(this.#memory.view, at))) {
        this.#move(at, next, to);
        to += next - at;
      }
      at = next;
    }
    this.#memory.view.setFloat64(MOVED_AT, last, true);
    this.#publish(to);
    this.#start = start;
    this.#ridingFirst = to - start;
  }

  /** Copies a record. Most that ride are small: to copy their words one by one is faster than a call. */
  #move(from: number, end: number, to: number): void {
    const { bytes, words } = this.#memory;
    if (end - from > LOOPED_WORDS_MAX * 4) return void bytes.copyWithin(to, from, end);
    for (let i = from >>> 2, at = to >>> 2; i < end >>> 2; i++) words[at++] = words[i]!;
  }

  /** Whether what rides with turns is so little that it can stay when these go. */
  get canKeepRiders(): boolean {
    return this.#riding < Math.min(TAIL_RIDING_BYTES_MAX, (this.#size - HEADER_BYTES) / 8);
  }

  /** The last turn that the store file must have. */
  get moved(): number {
    return this.#memory.view.getFloat64(MOVED_AT, true);
  }

  /** The lower 32 bits of what the rider has last counted. */
  get mark(): number {
    return this.#memory.view.getUint32(MARK_AT, true);
  }

  set mark(count: number) {
    this.#memory.view.setUint32(MARK_AT, count, true);
  }

  #otherStart(): number {
    const middle = middleOf(this.#size);
    return this.#start === middle ? HEADER_BYTES : middle;
  }

  /** Records of the half that begins at `start` end before this. */
  #limit(start: number): number {
    const middle = middleOf(this.#size);
    return start === middle ? this.#size : middle;
  }

  #put(at: number, limit: number, turn: number, when: number, changes: Uint8Array): number {
    const end = at + recordBytes(changes.length);
    if (end >= limit) return -1;
    putRecord(this.#memory, at, turn, when, changes);
    return end;
  }

  /** A daemon that dies before this has not added the record, one that dies after it has. */
  #publish(end: number): void {
    Atomics.store(this.#memory.words, END_AT / 4, end);
    this.#end = end;
  }

  /**
   * What a sync that failed should have taken to the disk may never get there, nor does the next one
   * say so: it has to be written once more. So the record counts no more, and its turn comes again.
   */
  #publishDurably(end: number): void {
    const before = this.#end;
    this.#publish(end);
    try {
      this.sync();
    } catch (error) {
      this.#publish(before);
      throw error;
    }
  }

  /** Overwrites what records have left that count no more; `durably` also on the disk, on which these must count no more before. */
  eraseUnused(durably = false): void {
    if (durably) this.sync();
    this.#memory.bytes.fill(0, HEADER_BYTES, this.#start);
    this.#memory.bytes.fill(0, this.#end);
    this.#turns.fill(0);
    if (durably) this.sync();
  }

  /** Waits until the disk has it all. */
  sync(): void {
    using file = Deno.openSync(this.path, { write: true });
    file.syncDataSync();
  }

  /** Releases the memory; the file stays. */
  close(): void {
    unmapFile(this.#address, this.#size);
  }
}
