import {
  EVENT_DROPS_PER_TIMEOUT,
  EVENT_RECORD_BYTES,
  FLOOD_BYTES,
  UNREAD_DROP_BYTES,
} from "../../limits.ts";
import type { Transport } from "../../transport/transport.ts";
import { getU32, HEADER_SIZE } from "../../wire/header.ts";
import { MessageType } from "../../wire/message_type.ts";
import { dropLate } from "./late_events.ts";
import { MessageEncoder } from "./message_encoder.ts";
import { NOBODY, type OutstandingRequests, type Waiter } from "./outstanding_requests.ts";
import { RepeatedEvents } from "./repeated_events.ts";
import { MessageBounds, NEVER } from "./message_bounds.ts";

/** Where a header has the length of what follows it. */
const LENGTH_AT = 12;

/** What waits to be sent to one client, and what is known of it. */
export class PeerOutput {
  readonly #bytes = new MessageEncoder();
  readonly #events = new RepeatedEvents(this.#bytes);
  readonly #unsent = new MessageBounds();
  /** When the client will have taken nothing for as long as an event may wait, in ms. */
  #deafAt = 0;
  /** When events may be dropped for their age again, in ms. */
  #dropsFrom = 0;

  /** Bytes not sent yet. */
  get length(): number {
    return this.#bytes.length;
  }

  /** All bytes ever added. */
  get added(): number {
    return this.#bytes.added;
  }

  /** How many bytes are left of a message that was sent in part; 0 when none was. */
  get partial(): number {
    return this.#bytes.partial;
  }

  /** A copy of the last `count` bytes, none of which has been sent. */
  last(count: number): Uint8Array {
    return this.#bytes.last(count);
  }

  /** Adds a reply with a copy of `payload`; `waiter` is told when it is gone. */
  addReply(
    type: number,
    reqId: number,
    txId: number,
    payload: Uint8Array,
    waiter: Waiter | null,
  ): void {
    this.#bytes.addMessage(type, reqId, txId, payload);
    if (waiter !== null) this.#unsent.add(this.#bytes.added, waiter, NEVER);
  }

  /** Whether the same event waits already: it must not be repeated, but for a special. */
  repeats(path: string, token: string): boolean {
    return !path.startsWith("@") && this.#events.has(path, token);
  }

  /** Bytes not sent yet that are charged to nobody; of events that expire with their records. */
  get own(): number {
    const { charged, chargedCount, expiringCount } = this.#unsent;
    return this.#bytes.length - charged +
      EVENT_RECORD_BYTES * Math.max(chargedCount, expiringCount);
  }

  /**
   * The bound that an event of `bytes` is beyond; 0 for none. What a guest has `caused` is charged to that
   * guest, which is not read any more, and not to this client: only of another guest, which has `own`
   * requests, some is refused.
   */
  crosses(
    max: number,
    bytes: number,
    caused: OutstandingRequests | null,
    own: OutstandingRequests | null,
  ): number {
    if (this.own + (caused === null ? bytes : 0) > max) return max;
    const isTooMuch = caused !== null && own !== null && caused.unreadBytes > UNREAD_DROP_BYTES;
    return isTooMuch ? UNREAD_DROP_BYTES : 0;
  }

  /** Adds a WATCH_EVENT whose time is over at `due`, and charges it to the guest that has `caused` it. */
  addEvent(path: string, token: string, caused: OutstandingRequests | null, due: number): void {
    this.#bytes.addEvent(path, token);
    const end = this.#bytes.added;
    if (!path.startsWith("@")) this.#events.add(path, token, end);
    if (caused !== null) {
      const charge = HEADER_SIZE + path.length + token.length + 2 + EVENT_RECORD_BYTES;
      const isBehindOthers = this.#unsent.charged > FLOOD_BYTES;
      this.#unsent.add(end, caused.caused(charge, isBehindOthers), due, charge);
    } else if (due !== NEVER) this.#unsent.add(end, null, due);
  }

  /**
   * Adds bytes that were once owed already, to an empty output. The first `partial` of them are the
   * rest of a message; where that is not known, all are taken for it. Of a guest each reply is one of
   * its `outstanding` requests, as is a rest; the time of events is over at `due`.
   */
  restore(
    bytes: Uint8Array,
    partial: number,
    outstanding: OutstandingRequests | null,
    due: number,
  ): void {
    const from = this.#bytes.added;
    this.#bytes.addBytes(bytes, partial);
    if (outstanding === null) {
      if (bytes.length > 0) this.#unsent.add(this.#bytes.added, NOBODY, NEVER, bytes.length);
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const isEvent = at >= partial && bytes[at] === MessageType.WATCH_EVENT;
      at = at < partial ? partial : at + HEADER_SIZE + getU32(bytes, at + LENGTH_AT);
      if (isEvent) this.#unsent.add(from + at, null, due);
      else this.#unsent.add(from + at, outstanding.replied(), NEVER);
    }
  }

  /** Whether there are events whose time will be over. */
  get hasExpiring(): boolean {
    return this.#unsent.hasExpiring;
  }

  /**
   * No request is outstanding any longer because of the events whose time is over; they stay. If the client
   * has taken nothing for as long, nobody is charged for them either.
   */
  releaseDue(now: number): void {
    if (now < this.#deafAt) this.#unsent.passDue(now);
    else this.#unsent.releaseDue(now);
  }

  /**
   * Drops a guest's events whose time is over and that have not been sent in part, at most {@link EVENT_DROPS_PER_TIMEOUT}
   * times until `due`, when the time of an event of now is over. Returns how many they were, and tells
   * their paths.
   */
  dropDue(now: number, due: number, tell: (path: string) => void): number {
    if (now < this.#dropsFrom) return 0;
    const count = dropLate(this.#bytes, this.#events, this.#unsent, now, tell);
    if (count > 0) this.#dropsFrom = now + (due - now) / EVENT_DROPS_PER_TIMEOUT;
    return count;
  }

  /**
   * Writes what `transport` takes now. Returns the number of bytes; negative if it is dead. If it takes
   * nothing more till `clock.eventDue`, the client is deaf from then on.
   */
  sendTo(transport: Transport, clock: { readonly eventDue: number }): number {
    const count = this.#bytes.sendTo(transport);
    if (count <= 0) return count;
    // Of events that are yet to come, none is due before that time is over.
    if (this.#unsent.hasExpiring) this.#deafAt = clock.eventDue;
    this.#events.sentUpTo(this.#bytes.sent);
    this.#unsent.sentUpTo(this.#bytes.sent);
    return count;
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#dropsFrom = 0;
    this.#bytes.clear();
    this.#events.clear();
    this.#unsent.clear();
  }

  /** Who waits for the messages that have not left. */
  waiters(): Iterable<Waiter> {
    return this.#unsent.waiters();
  }
}
