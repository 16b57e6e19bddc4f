import type { Transport } from "../transport/transport.ts";
import { getU32, HEADER_SIZE } from "../wire/header.ts";
import { MessageType } from "../wire/message_type.ts";
import { OutputBuffer } from "./output_buffer.ts";
import type { Waiter } from "./outstanding.ts";
import { PendingEvents } from "./pending_events.ts";
import { UnsentMessages } from "./unsent_messages.ts";

/** Where a header has the length of what follows it. */
const LENGTH_AT = 12;

/** What waits to be sent to one client, and what is known of it. */
export class PeerOutput {
  readonly #bytes = new OutputBuffer();
  readonly #events = new PendingEvents();
  readonly #unsent = new UnsentMessages();

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
    if (waiter !== null) this.#unsent.add(this.#bytes.added, waiter);
  }

  /** Whether the same event waits already: it is not to be repeated, but for a special. */
  repeats(path: string, token: string): boolean {
    return !path.startsWith("@") && this.#events.has(path, token);
  }

  /** Adds a WATCH_EVENT; `waiter` is told when it is gone. */
  addEvent(path: string, token: string, waiter: Waiter | null): void {
    this.#bytes.addEvent(path, token);
    const end = this.#bytes.added;
    if (!path.startsWith("@")) this.#events.add(path, token, end);
    if (waiter !== null) this.#unsent.add(end, waiter);
  }

  /**
   * Adds bytes that were once owed already, to an empty output. The first `partial` of them are the
   * rest of a message; where that is not known, all are taken for it. `replied` is asked who waits
   * for a reply; a rest is taken for one.
   */
  restore(bytes: Uint8Array, partial: number, replied: (() => Waiter) | null): void {
    const from = this.#bytes.added;
    this.#bytes.addBytes(bytes, partial);
    if (replied === null) return;
    for (let at = 0; at < bytes.length;) {
      const isEvent = at >= partial && bytes[at] === MessageType.WATCH_EVENT;
      at = at < partial ? partial : at + HEADER_SIZE + getU32(bytes, at + LENGTH_AT);
      if (!isEvent) this.#unsent.add(from + at, replied());
    }
  }

  /** Writes what `transport` takes now. Returns the number of bytes; negative if it is dead. */
  sendTo(transport: Transport): number {
    const count = this.#bytes.sendTo(transport);
    if (count <= 0) return count;
    this.#events.sentUpTo(this.#bytes.sent);
    this.#unsent.sentUpTo(this.#bytes.sent);
    return count;
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#bytes.clear();
    this.#events.clear();
    this.#unsent.clear();
  }

  /** Who waits for the messages that have not left. */
  waiters(): Iterable<Waiter> {
    return this.#unsent.waiters();
  }
}
