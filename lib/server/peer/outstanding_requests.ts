import type { Connection } from "../../engine/connection.ts";
import { UNREAD_BYTES_MAX } from "../../limits.ts";

/** Who is told when a message that was queued has left, or never will. */
export interface Waiter {
  /** `bytes` is what was charged for it. */
  messageGone(bytes: number): void;
  /** The client takes messages, but has not come to this one in time: who waits for it from now on. */
  late(): Waiter;
}

/** Waits for the events that were queued before a restart: nobody knows who has caused them. */
export const NOBODY: Waiter = { messageGone: () => {}, late: () => NOBODY };

/**
 * The requests of one guest that are outstanding: those whose reply it has not taken, or of which
 * an event has not left that they caused, to any client; and the bytes of all those events. At its quota
 * of the first, or {@link UNREAD_BYTES_MAX} of the second, the guest is not read any further, so that
 * it cannot fill anybody's memory (XSA-326), and no other client must be disconnected because of it.
 */
export class OutstandingRequests implements Waiter {
  readonly #connection: Connection;
  readonly #settled: () => void;
  /** The request that is being handled, once it has caused an event. */
  #causing: CausingRequest | null = null;
  #unread = 0;
  /** Waits for events that do not make a request outstanding. */
  readonly unread: Waiter = {
    messageGone: (bytes) => this.eventGone(bytes),
    late: () => this.unread,
  };

  /** `settled` is called when one is not outstanding any more. */
  constructor(connection: Connection, settled: () => void) {
    this.#connection = connection;
    this.#settled = settled;
  }

  /** Bytes charged for the events that it has caused and nobody has taken. */
  get unreadBytes(): number {
    return this.#unread;
  }

  /** Whether its next request must not be read: one more, or more events, would be too much. */
  get full(): boolean {
    if (this.#unread >= UNREAD_BYTES_MAX) return true;
    const { account, quotas } = this.#connection;
    if (account === null || quotas === null) return false;
    return quotas.exceeded("outstanding", account.now.outstanding + 1);
  }

  /** A request is about to be handled: what the one before has caused is its own. */
  begin(): void {
    this.#causing = null;
  }

  /**
   * The request that is being handled has caused an event, for which `bytes` are charged; who must be told
   * when it is gone. The request is outstanding till then, unless the event waits behind those of others.
   */
  caused(bytes: number, behindOthers: boolean): Waiter {
    this.#unread += bytes;
    if (behindOthers) return this.unread;
    const causing = this.#causing ??= new CausingRequest(this, this.#connection);
    causing.messages++;
    return causing;
  }

  /** It was answered: it is outstanding from now on; who must be told when the reply is gone. */
  replied(): Waiter {
    this.#connection.account?.add("outstanding", 1);
    const causing = this.#causing;
    if (causing === null) return this;
    this.#causing = null;
    causing.messages++;
    causing.answered = true;
    return causing;
  }

  /** A request is not outstanding any more: its reply, or all that it has led to, is gone. */
  messageGone(): void {
    this.#connection.account?.add("outstanding", -1);
    this.#settled();
  }

  late(): Waiter {
    return this;
  }

  /** An event is gone for which `bytes` were charged. */
  eventGone(bytes: number): void {
    this.#unread -= bytes;
    this.#settled();
  }

  /** Whose requests they are. */
  get connection(): Connection {
    return this.#connection;
  }
}

/** A guest's request that has caused events: outstanding until its reply and all of them are gone. */
export class CausingRequest implements Waiter {
  /** Reply and events that have not left. */
  messages = 0;
  /** Whether it counts: an internal error may have kept it from being answered. */
  answered = false;

  constructor(readonly owner: OutstandingRequests, readonly connection: Connection) {}

  messageGone(bytes: number): void {
    if (bytes > 0) this.owner.eventGone(bytes);
    this.late();
  }

  late(): Waiter {
    if (--this.messages === 0 && this.answered) this.owner.messageGone();
    return this.owner.unread;
  }
}

/**
 * Tells of each waiter for a queued message whose request counts: whose that is, and an object of
 * its own, if others may wait with it.
 */
export function tellOutstanding(
  waiter: Waiter,
  tell: (connection: Connection, request: object | null) => void,
): void {
  if (waiter instanceof CausingRequest) {
    if (waiter.answered) tell(waiter.connection, waiter);
  } else if (waiter instanceof OutstandingRequests) tell(waiter.connection, null);
}
