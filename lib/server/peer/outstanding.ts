import type { Connection } from "../../engine/connection.ts";

/** Who is told when a message that was queued has left, or never will. */
export interface Waiter {
  messageGone(): void;
}

/**
 * The requests of one guest that are outstanding: those whose reply it has not taken, or of which
 * an event has not left that they caused, to whomever. At its quota the guest is not read any
 * further, so that it can't fill anybody's memory (XSA-326).
 */
export class OutstandingRequests implements Waiter {
  readonly #connection: Connection;
  readonly #settled: () => void;
  /** The request that is being handled, once it has caused an event. */
  #causing: CausingRequest | null = null;

  /** `settled` is called when one is not outstanding any more. */
  constructor(connection: Connection, settled: () => void) {
    this.#connection = connection;
    this.#settled = settled;
  }

  /** Whether one more would be more than the guest's quota. */
  get full(): boolean {
    const { account, quotas } = this.#connection;
    if (account === null || quotas === null) return false;
    return quotas.exceeded("outstanding", account.now.outstanding + 1);
  }

  /** A request is about to be handled: what the one before has caused is its own. */
  begin(): void {
    this.#causing = null;
  }

  /** The request that is being handled has caused an event; who is to be told when it is gone. */
  caused(): Waiter {
    const causing = this.#causing ??= new CausingRequest(this, this.#connection);
    causing.messages++;
    return causing;
  }

  /** It was answered: it is outstanding from now on; who is to be told when the reply is gone. */
  replied(): Waiter {
    this.#connection.account?.add("outstanding", 1);
    const causing = this.#causing;
    if (causing === null) return this;
    this.#causing = null;
    causing.messages++;
    causing.answered = true;
    return causing;
  }

  /** A request is not outstanding any more. */
  messageGone(): void {
    this.#connection.account?.add("outstanding", -1);
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

  messageGone(): void {
    if (--this.messages === 0 && this.answered) this.owner.messageGone();
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
