import type { Connection } from "../../engine/connection.ts";
import { DEFERRED_REQUESTS_MAX } from "../../limits.ts";

/** A request that was begun to be handled. */
export interface CallBegun {
  /** Null of none. */
  connection: Connection | null;
  type: number;
  reqId: number;
  txId: number;
  payload: Uint8Array;
  /** Counts the calls that were seen. */
  number: number;
  /** When it was read, and first handled, in ms. */
  readAt: number;
  handledAt: number;
}

/** One to be filled in. */
export function emptyCall(): CallBegun {
  const payload = new Uint8Array(0);
  return {
    connection: null,
    type: 0,
    reqId: 0,
    txId: 0,
    payload,
    number: 0,
    readAt: 0,
    handledAt: 0,
  };
}

/** Requests that were begun and not answered: they wait for others, or are answered later. */
export class PendingCalls {
  readonly #calls = new Map<Connection, CallBegun[]>();

  /** Adds one, with a copy of its payload. */
  add(call: CallBegun): void {
    const calls = this.#calls.get(call.connection!) ?? [];
    if (calls.length > DEFERRED_REQUESTS_MAX) calls.shift();
    calls.push({ ...call, payload: call.payload.slice() });
    this.#calls.set(call.connection!, calls);
  }

  /** Takes out the one that is tried again; null for a new request. */
  take(connection: Connection, type: number, reqId: number): CallBegun | null {
    if (this.#calls.size === 0) return null;
    return this.#take(connection, (call) => call.type === type && call.reqId === reqId);
  }

  /** Takes out the one that is answered; null for one that was begun before anybody read. */
  answer(connection: Connection, reqId: number): CallBegun | null {
    return this.#take(connection, (call) => call.reqId === reqId);
  }

  #take(connection: Connection, isIt: (call: CallBegun) => boolean): CallBegun | null {
    const calls = this.#calls.get(connection);
    const at = calls?.findIndex(isIt) ?? -1;
    if (calls === undefined || at < 0) return null;
    const [call] = calls.splice(at, 1);
    if (calls.length === 0) this.#calls.delete(connection);
    return call!;
  }

  forget(connection: Connection): void {
    this.#calls.delete(connection);
  }

  clear(): void {
    this.#calls.clear();
  }
}
