import { EVENTS_COMPARED_MAX } from "../../limits.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { putText } from "../../wire/text.ts";
import type { Move } from "./message_bounds.ts";
import { NumberQueue } from "./number_queue.ts";

/** Where the bytes of queued events are. */
export interface EventBytes {
  /** Whether the message that ends at the `end`th of all bytes is this event. */
  isEvent(end: number, path: string, token: string): boolean;
  /** Copies the `length` bytes from the number `at` of all bytes on: a part of a message that is not wholly sent. */
  copy(at: number, length: number, into: Uint8Array): void;
}

const FNV_PRIME = 0x01000193;

/** Nobody outside can know it, so nobody can choose events that share a place. */
const SEED = crypto.getRandomValues(new Int32Array(1))[0]!;

/**
 * The watch events queued on one connection and not wholly sent, to tell repetitions. Of each only the place of
 * its bytes is kept: a few are compared one by one, many are found by their hashes.
 */
export class RepeatedEvents {
  readonly #bytes: EventBytes;
  /** Where each event ends, counted in all bytes ever queued, and the bytes of its path and token. */
  #ends = new NumberQueue();
  #lengths = new NumberQueue();
  /** Of each event its hash and the number of the one before it in the same place; empty without places. */
  #hashes = new NumberQueue();
  readonly #before = new NumberQueue();
  /** The number of the latest event in each place; a power of two of them. Null while there are few. */
  #places: Int32Array | null = null;
  /** The event that was looked for last, and its hash. */
  #path = "";
  #token = "";
  #hash = 0;
  /** The number of the first event that is pending. */
  #from = 0;

  constructor(bytes: EventBytes) {
    this.#bytes = bytes;
  }

  /** How many events are pending. */
  get size(): number {
    return this.#ends.length;
  }

  /** Whether the same path and token are pending already. */
  has(path: string, token: string): boolean {
    const places = this.#places;
    const bytes = this.#bytes;
    const ends = this.#ends;
    const from = this.#from;
    if (places === null) {
      for (let i = 0; i < ends.length; i++) {
        if (bytes.isEvent(ends.at(i), path, token)) return true;
      }
      return false;
    }
    const hash = this.#hashOf(path, token);
    // Those in one place stand latest first: behind one that is not pending none is.
    for (let at = places[hash & places.length - 1]!; at >= from; at = this.#before.at(at - from)) {
      if (this.#hashes.at(at - from) === hash && bytes.isEvent(ends.at(at - from), path, token)) {
        return true;
      }
    }
    return false;
  }

  /** Adds an event that is not there yet and whose last byte is the `end`th of all queued. */
  add(path: string, token: string, end: number): void {
    this.#ends.push(end);
    this.#lengths.push(path.length + token.length + 2);
    const { size } = this;
    if (this.#places === null) {
      if (size > EVENTS_COMPARED_MAX) this.#place(4 * EVENTS_COMPARED_MAX);
    } else {
      this.#hashes.push(this.#hashOf(path, token));
      if (size > this.#places.length) this.#place(2 * this.#places.length);
      else this.#link(this.#places, this.#ends.length - 1);
    }
  }

  /** Makes `count` places, and puts all that are pending there. */
  #place(count: number): void {
    const places = this.#places = new Int32Array(count).fill(-1);
    this.#before.clear();
    for (let i = 0; i < this.#ends.length; i++) {
      if (i === this.#hashes.length) this.#hashes.push(this.#hashAt(i));
      this.#link(places, i);
    }
  }

  #link(places: Int32Array, index: number): void {
    const place = this.#hashes.at(index) & places.length - 1;
    this.#before.push(places[place]!);
    places[place] = this.#from + index;
  }

  /** Each event is looked for, and then added. */
  #hashOf(path: string, token: string): number {
    if (path === this.#path && token === this.#token) return this.#hash;
    this.#path = path;
    this.#token = token;
    const length = path.length + token.length + 2;
    const at = putText(hashed, 0, path);
    hashed[at] = 0;
    hashed[putText(hashed, at + 1, token)] = 0;
    return this.#hash = hashOf(length);
  }

  /** The hash of an event that is there as bytes. */
  #hashAt(index: number): number {
    const length = this.#lengths.at(index);
    this.#bytes.copy(this.#ends.at(index) - length, length, hashed);
    return hashOf(length);
  }

  /** Forgets the events that lie wholly within the first `sent` bytes. */
  sentUpTo(sent: number): void {
    const { length } = this.#ends;
    let gone = 0;
    while (gone < length && this.#ends.at(gone) <= sent) gone++;
    if (gone === 0) return;
    if (gone === length) return this.clear();
    this.#ends.shift(gone);
    this.#lengths.shift(gone);
    if (this.#places !== null) {
      this.#hashes.shift(gone);
      this.#before.shift(gone);
    }
    this.#from += gone;
  }

  /** The queue was cut and moved: forgets the events that are not there any more. */
  move(move: Move): void {
    const ends = new NumberQueue(), lengths = new NumberQueue(), hashes = new NumberQueue();
    const places = this.#places;
    for (let i = 0; i < this.#ends.length; i++) {
      const moved = move(this.#ends.at(i));
      if (moved < 0) continue;
      ends.push(moved);
      lengths.push(this.#lengths.at(i));
      if (places !== null) hashes.push(this.#hashes.at(i));
    }
    this.clear();
    this.#ends = ends;
    this.#lengths = lengths;
    this.#hashes = hashes;
    if (places !== null) this.#place(places.length);
  }

  /** Forgets all events. */
  clear(): void {
    this.#ends.clear();
    this.#lengths.clear();
    this.#hashes.clear();
    this.#before.clear();
    this.#places = null;
    this.#from = 0;
    this.#path = this.#token = "";
  }
}

/** The payload of an event, which is hashed four bytes at a time. */
const hashed = new Uint8Array(PAYLOAD_MAX + 4);
const words = new Int32Array(hashed.buffer);

/** Of the first `length` bytes there, as a small integer of which all bits depend on all of them. */
function hashOf(length: number): number {
  // The last word may have fewer.
  hashed[length] = hashed[length + 1] = hashed[length + 2] = 0;
  let hash = SEED;
  for (let i = 0; i << 2 < length; i++) {
    hash = Math.imul(hash ^ words[i]!, FNV_PRIME);
    hash ^= hash >>> 15;
  }
  return hash & 0x3fffffff;
}
