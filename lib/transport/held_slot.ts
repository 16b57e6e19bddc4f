import {
  IOVEC_BASE,
  IOVEC_BYTES,
  IOVEC_LEN,
  MMSGHDR_BYTES,
  MMSGHDR_IOV,
  MMSGHDR_IOVLEN,
  MMSGHDR_LEN,
  receiveMessage,
  sendMessage,
} from "../../ffi/mmsg.ts";
import { HELD_INPUT_BYTES } from "../limits.ts";

/**
 * What a held connection has in memory that outlives the process: how many bytes were ever
 * received and sent, and those received of which the journal does not know yet.
 *
 * The totals must be right at every instant, for SIGKILL may come at any. So the kernel counts:
 * recvmmsg(2) and sendmmsg(2) write how many bytes they moved into a header in this memory,
 * within the system call that moves them, and a process is killed before or after a system call.
 * Two headers take turns, each with the total at which it began: while one is made ready, the
 * other still says what counts. A total is the later one of the two sums.
 */

/** Bytes of a slot before its input buffer. */
const HEADER_BYTES = 512;
export const SLOT_BYTES: number = HEADER_BYTES + HELD_INPUT_BYTES;

/** Words of a slot. */
const KEY = 0;
const SETTLED = 1;
/** The total at which each of the four headers began: two for receiving, two for sending. */
const BASES = 2;
const BASE_COUNT = 4;
/** See {@link HeldSlot.descriptor}; new slots, and those of older versions, have 0. */
const DESCRIPTOR = 6;
const HEADERS = 16;
const VECTORS = HEADERS + 4 * (MMSGHDR_BYTES / 4);
const VECTOR_COUNT = 3;

const RECEIVE = 0;
const SEND = 2;

/** The number of 32-bit words in a header, and in a vector. */
const HEADER_WORDS = MMSGHDR_BYTES / 4;
const VECTOR_WORDS = IOVEC_BYTES / 4;

/** Bytes on their way to a client, copied here: the kernel wants an address that is known. */
export interface SendBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
}

export class HeldSlot {
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #input: Uint8Array<ArrayBuffer>;
  readonly #headers: readonly Uint8Array<ArrayBuffer>[];
  readonly #address: number;
  readonly #out: SendBuffer;

  /** The slot at offset `at` of `memory`, whose first byte has the address `address`. */
  constructor(memory: ArrayBuffer, at: number, address: number, out: SendBuffer) {
    this.#words = new Uint32Array(memory, at, HEADER_BYTES / 4);
    this.#input = new Uint8Array(memory, at + HEADER_BYTES, HELD_INPUT_BYTES);
    this.#headers = [0, 1, 2, 3].map((i) =>
      new Uint8Array(memory, at + 4 * HEADERS + i * MMSGHDR_BYTES, MMSGHDR_BYTES)
    );
    this.#address = address + at;
    this.#out = out;
    if (this.key !== 0) this.#pointHeaders();
  }

  /** Sets a word; tests let the process die around it. */
  protected store(word: number, value: number): void {
    Atomics.store(this.#words, word, value);
  }

  #load(word: number): number {
    return Atomics.load(this.#words, word);
  }

  /** Which connection the slot belongs to; 0 for none. */
  get key(): number {
    return this.#load(KEY);
  }

  /** Gives the slot to a new connection. Its counts begin at 0, but where tests have others. */
  begin(key: number, origin = 0): void {
    this.end();
    for (let i = 0; i < BASE_COUNT; i++) {
      this.store(HEADERS + i * HEADER_WORDS + MMSGHDR_LEN, 0);
      this.store(BASES + i, origin);
    }
    this.store(SETTLED, origin);
    this.#pointHeaders();
    this.store(KEY, key);
  }

  /** From now on the slot is nobody's. */
  end(): void {
    this.store(KEY, 0);
  }

  /** Addresses are those of this process: they are set again in each of its lives. */
  #pointHeaders(): void {
    for (let i = 0; i < BASE_COUNT; i++) {
      const vector = i < SEND ? VECTORS : VECTORS + 2 * VECTOR_WORDS;
      this.#setAddress(HEADERS + i * HEADER_WORDS + MMSGHDR_IOV, this.#address + 4 * vector);
      this.#words[HEADERS + i * HEADER_WORDS + MMSGHDR_IOVLEN] = 1;
    }
    const input = this.#address + HEADER_BYTES;
    for (const [i, address] of [input, input, this.#out.address].entries()) {
      this.#setAddress(VECTORS + i * VECTOR_WORDS + IOVEC_BASE, address);
    }
  }

  #setAddress(word: number, address: number): void {
    this.#words[word] = address % 0x1_0000_0000;
    this.#words[word + 1] = Math.floor(address / 0x1_0000_0000);
  }

  /** The sum that a header says. */
  #sum(header: number): number {
    const moved = this.#load(HEADERS + header * HEADER_WORDS + MMSGHDR_LEN);
    return (this.#load(BASES + header) + moved) >>> 0;
  }

  #total(pair: number): number {
    const [a, b] = [this.#sum(pair), this.#sum(pair + 1)];
    return ((a - b) | 0) > 0 ? a : b;
  }

  /** Bytes ever received. As all counts here it begins again after 2^32. */
  get received(): number {
    return this.#total(RECEIVE);
  }

  /** Bytes ever sent. */
  get sent(): number {
    return this.#total(SEND);
  }

  /** Bytes received that the journal knows of: the room of those before them is free. */
  get settled(): number {
    return this.#load(SETTLED);
  }

  set settled(count: number) {
    this.store(SETTLED, count);
  }

  /**
   * The connection's number as it was when another program was to take this one's place: only
   * that, in the same process, has use for it.
   */
  get descriptor(): number {
    return this.#load(DESCRIPTOR);
  }

  set descriptor(fd: number) {
    this.store(DESCRIPTOR, fd);
  }

  /** Makes that header of a pair ready which is behind; returns which. */
  #next(pair: number): number {
    const total = this.#total(pair);
    const next = this.#sum(pair) === total ? pair + 1 : pair;
    this.store(HEADERS + next * HEADER_WORDS + MMSGHDR_LEN, 0);
    this.store(BASES + next, total);
    return next;
  }

  /** The system calls; tests let the process die around them. */
  protected callReceive(fd: number, header: Uint8Array<ArrayBuffer>): number {
    return receiveMessage(fd, header);
  }

  protected callSend(fd: number, header: Uint8Array<ArrayBuffer>): number {
    return sendMessage(fd, header);
  }

  /**
   * Receives what has come and fits behind the bytes there are. Returns 0 or the error number;
   * {@link received} then says how many there were, none at the end of the stream.
   */
  receive(fd: number): number {
    const received = this.received;
    const room = HELD_INPUT_BYTES - ((received - this.settled) >>> 0);
    const header = this.#next(RECEIVE);
    const at = received % HELD_INPUT_BYTES;
    const first = Math.min(room, HELD_INPUT_BYTES - at);
    const vector = VECTORS;
    this.#setAddress(vector + IOVEC_BASE, this.#address + HEADER_BYTES + at);
    this.#words[vector + IOVEC_LEN] = first;
    this.#words[vector + VECTOR_WORDS + IOVEC_LEN] = room - first;
    this.#words[HEADERS + header * HEADER_WORDS + MMSGHDR_IOVLEN] = first < room ? 2 : 1;
    return this.callReceive(fd, this.#headers[header]!);
  }

  /** Whether there is no room to receive anything before more is settled. */
  get full(): boolean {
    return ((this.received - this.settled) >>> 0) >= HELD_INPUT_BYTES;
  }

  /** Copies received bytes, from the count `from` on, into `into[at, end)`; returns how many. */
  copyInput(from: number, into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const count = Math.min((this.received - from) >>> 0, end - at);
    const start = from % HELD_INPUT_BYTES;
    const first = Math.min(count, HELD_INPUT_BYTES - start);
    into.set(this.#input.subarray(start, start + first), at);
    if (first < count) into.set(this.#input.subarray(0, count - first), at + first);
    return count;
  }

  /** Sends as much of `from[at, end)` as is taken. Returns as {@link receive} does. */
  send(fd: number, from: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const { bytes } = this.#out;
    const count = Math.min(end - at, bytes.length);
    bytes.set(from.subarray(at, at + count));
    const header = this.#next(SEND);
    this.#words[VECTORS + 2 * VECTOR_WORDS + IOVEC_LEN] = count;
    return this.callSend(fd, this.#headers[header]!);
  }

  static {
    const used = VECTORS + VECTOR_COUNT * VECTOR_WORDS;
    if (used * 4 > HEADER_BYTES) throw new RangeError("a slot's header is too small");
  }
}
