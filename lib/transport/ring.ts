import type { RingPosition, Transport } from "./transport.ts";
import {
  CONNECTED,
  CONNECTION,
  copyFromRing,
  ERROR,
  ERROR_COMM,
  ERROR_INDEX,
  ERROR_NONE,
  ERROR_PROTOCOL,
  FEATURE_ERROR,
  putIntoRing,
  RECONNECT,
  REQ_CONS,
  REQ_PROD,
  REQUEST_RING,
  RESPONSE_RING,
  RING_INTERFACE_BYTES,
  RING_SIZE,
  type RingPage,
  RSP_CONS,
  RSP_PROD,
  SERVER_FEATURES,
} from "./ring_page.ts";

/**
 * The daemon's end of a domain's ring. A guest that breaks the index protocol, or sends a message
 * that is too long, finds the reason in the page's error word and is ignored from then on, until
 * it is introduced again; its page stays mapped and its domain known (XSA-325).
 */
export class RingTransport implements Transport, RingPosition {
  readonly position: RingPosition = this;
  readonly #page: RingPage;
  readonly #notify: () => void;
  #features = 0;
  #ignored = false;
  /** Bytes read of which the guest does not know yet. */
  #ahead = 0;

  /** `notify` signals the domain's event channel. Call {@link introduce} before anything else. */
  constructor(page: RingPage, notify: () => void) {
    this.#page = page;
    this.#notify = notify;
  }

  /** Whether the guest broke the protocol: nothing is read or written any more. */
  get ignored(): boolean {
    return this.#ignored;
  }

  /**
   * First or repeated INTRODUCE: empties both rings, offers `features`, clears the error, and
   * confirms a reconnection the guest asked for. With `keep` the rings are not emptied: a guest
   * that was served before us, by another daemon, loses nothing.
   */
  introduce(features: number, keep = false): void {
    const page = this.#page;
    this.#features = features;
    this.#ignored = false;
    this.#ahead = 0;
    if (!keep) { for (const word of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD]) page.store(word, 0); }
    page.store(SERVER_FEATURES, features);
    page.store(ERROR, ERROR_NONE);
    if (page.load(CONNECTION) === RECONNECT) {
      page.store(CONNECTION, CONNECTED);
      this.#notify();
    }
  }

  read(into: Uint8Array, at: number, end: number): number {
    if (this.#ignored) return -1;
    const page = this.#page;
    const ahead = this.#ahead;
    const count = copyFromRing(page, REQUEST_RING, REQ_CONS, REQ_PROD, ahead, into, at, end);
    if (count > 0) this.#ahead += count;
    else if (count < 0) this.#ignore(ERROR_INDEX);
    return count;
  }

  /** What a guest adds before our index moves it need not announce; Linux does not. */
  settle(): boolean {
    if (this.#ahead === 0 || this.#ignored) return false;
    const taken = this.requestsTaken;
    this.#page.store(REQ_CONS, taken);
    this.#ahead = 0;
    this.#notify();
    return this.#page.load(REQ_PROD) !== taken;
  }

  /** Our index in the request ring, with what is not settled yet. */
  get requestsTaken(): number {
    return (this.#page.load(REQ_CONS) + this.#ahead) >>> 0;
  }

  /** The index in the response ring behind the last byte that was written. */
  get responsesWritten(): number {
    return this.#page.load(RSP_PROD);
  }

  /**
   * After a restart: goes on behind `requestsTaken`, which the page may not say yet. A page that
   * was begun again meanwhile, or served by another daemon, says itself where to go on.
   */
  resume(features: number, requestsTaken: number): void {
    this.#features = features;
    this.#ignored = false;
    this.#ahead = 0;
    const unpublished = (requestsTaken - this.#page.load(REQ_CONS)) >>> 0;
    const waiting = (this.#page.load(REQ_PROD) - requestsTaken) >>> 0;
    if (unpublished <= RING_SIZE && waiting <= RING_SIZE) {
      this.#page.store(REQ_CONS, requestsTaken);
    }
    // What the last life signalled may have been lost with it, or not been signalled any more.
    this.#notify();
  }

  /** In another process that takes the place of one which served this ring: all is as it was. */
  inherit(features: number): void {
    this.#features = features;
    this.#ignored = false;
    this.#ahead = 0;
  }

  write(from: Uint8Array, at: number, end: number): number {
    if (this.#ignored) return -1;
    let to = at;
    let count = 0;
    // Linux announces room only in a ring that it found full: it is left full, if not all fits.
    do {
      count = putIntoRing(this.#page, RESPONSE_RING, RSP_CONS, RSP_PROD, from, to, end);
      if (count > 0) to += count;
    } while (count > 0 && to < end);
    // The guest must hear of every step of our index, or it waits for ever.
    if (to > at) this.#notify();
    if (count >= 0) return to - at;
    this.#ignore(ERROR_INDEX);
    return count;
  }

  #ignore(error: number): void {
    this.#ignored = true;
    if ((this.#features & FEATURE_ERROR) === 0) return;
    this.#page.store(ERROR, error);
    this.#notify();
  }

  want(): void {
    // The event channel announces each change once: there is nothing to ask for.
  }

  rejectOversize(): void {
    this.#ignore(ERROR_PROTOCOL);
  }

  /** The daemon has forgotten what the guest had: it tells the guest, and ignores it from now on. */
  refuse(): void {
    this.#ignore(ERROR_COMM);
  }

  copyPage(): Uint8Array {
    return this.#page.bytes.slice(0, RING_INTERFACE_BYTES);
  }

  /** The page may be unmapped from now on: it is never touched again. */
  close(): void {
    this.#ignored = true;
    this.#features = 0;
  }
}

/**
 * The guest's end of its ring: what a simulated guest and the tests of the daemon's end use. It
 * signals as little as Linux does (xenbus_comms.c): bytes put in behind others that the daemon has
 * not taken yet, and room made in a ring that was not full, the daemon has to find by itself.
 */
export class GuestRing implements Transport {
  readonly page: RingPage;
  readonly #notify: () => void;

  /** `notify` signals the daemon's event channel. */
  constructor(page: RingPage, notify: () => void) {
    this.page = page;
    this.#notify = notify;
  }

  read(into: Uint8Array, at: number, end: number): number {
    const count = copyFromRing(this.page, RESPONSE_RING, RSP_CONS, RSP_PROD, 0, into, at, end);
    if (count <= 0) return count;
    const taken = this.page.load(RSP_CONS);
    this.page.store(RSP_CONS, taken + count);
    if (((this.page.load(RSP_PROD) - taken) >>> 0) >= RING_SIZE) this.#notify();
    return count;
  }

  write(from: Uint8Array, at: number, end: number): number {
    const before = this.page.load(REQ_PROD);
    const count = putIntoRing(this.page, REQUEST_RING, REQ_CONS, REQ_PROD, from, at, end);
    if (count > 0 && this.page.load(REQ_CONS) === before) this.#notify();
    return count;
  }

  /** Signals the daemon, whatever was or was not moved. */
  kick(): void {
    this.#notify();
  }

  settle(): boolean {
    // Tests see to durability on the daemon's end only.
    return false;
  }

  want(): void {
    // As on the daemon's end.
  }

  rejectOversize(): void {
    // A guest has no way to tell; the daemon never sends such a message.
  }

  close(): void {
    // The page is the domain's own.
  }
}
