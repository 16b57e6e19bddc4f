import type { Status } from "../../../lib/engine/status.ts";
import { type End, request } from "./attacker.ts";
import { decodeHeader, emptyHeader, HEADER_SIZE, putU32 } from "../../../lib/wire/header.ts";
import { MessageType as T } from "../../../lib/wire/message_type.ts";
import { toText } from "../../../lib/wire/text.ts";
import { SHARED } from "./attacks.ts";

/** Between a reply and the next request, and how long dom0's transaction is open, in ms. */
const GAP_MS = 1;

/** Between two looks at what the daemon tells of itself, in ms. */
const STATUS_MS = 500;

/** A client that asks little and notes how long each request took. */
export interface Probe {
  readonly name: string;
  /** How long the requests so far took, in ms. */
  readonly times: readonly number[];
  /** Does what is due; returns whether anything moved. */
  step(now: number): boolean;
  /** Counts what has no reply yet as having taken until now. */
  finish(now: number): void;
}

/** One request at a time over an end that does not wait. */
class Asker {
  readonly times: number[] = [];
  readonly #end: End;
  readonly #buffer = new Uint8Array(8192);
  readonly #header = emptyHeader();
  #filled = 0;
  #began = 0;
  #unsent: Uint8Array | null = null;
  #sent = 0;
  isWaiting = false;

  constructor(end: End) {
    this.#end = end;
  }

  ask(message: Uint8Array, now: number): void {
    this.#began = now;
    this.#unsent = message;
    this.#sent = 0;
    this.isWaiting = true;
    this.#send();
  }

  #send(): void {
    if (this.#unsent === null) return;
    const count = this.#end.write(this.#unsent, this.#sent, this.#unsent.length);
    if (count > 0) this.#sent += count;
    if (this.#sent === this.#unsent.length) this.#unsent = null;
  }

  /** The reply when it is whole, else null. */
  reply(now: number): { readonly type: number; readonly text: string } | null {
    this.#send();
    const count = this.#end.read(this.#buffer, this.#filled, this.#buffer.length);
    if (count > 0) this.#filled += count;
    if (this.#filled < HEADER_SIZE) return null;
    const { type, len } = decodeHeader(this.#buffer, 0, this.#header);
    if (this.#filled < HEADER_SIZE + len) return null;
    this.times.push(now - this.#began);
    this.#filled = 0;
    this.isWaiting = false;
    return { type, text: toText(this.#buffer, HEADER_SIZE, HEADER_SIZE + len) };
  }

  finish(now: number): void {
    if (this.isWaiting) this.times.push(now - this.#began);
  }
}

/** Sends its requests in turn, one a millisecond. */
export class PlainProbe implements Probe {
  readonly #asker: Asker;
  readonly #messages: readonly Uint8Array[];
  #at = 0;
  #due = 0;

  constructor(readonly name: string, end: End, messages: readonly Uint8Array[]) {
    this.#asker = new Asker(end);
    this.#messages = messages;
  }

  get times(): readonly number[] {
    return this.#asker.times;
  }

  step(now: number): boolean {
    if (this.#asker.isWaiting) {
      if (this.#asker.reply(now) === null) return false;
      this.#due = now + GAP_MS;
      return true;
    }
    if (now < this.#due) return false;
    this.#asker.ask(this.#messages[this.#at++ % this.#messages.length]!, now);
    return true;
  }

  finish(now: number): void {
    this.#asker.finish(now);
  }
}

/** A read-and-write transaction of domain 0 that is open for a millisecond, again and again. */
export class TransactionProbe implements Probe {
  readonly name = "dom0 transaction";
  /** Ends of transactions, and how many of those committed. */
  ends = 0;
  commits = 0;
  /** Most EAGAINs in a row. */
  longestRow = 0;
  #row = 0;
  #asker: Asker;
  #phase = 0;
  #due = 0;
  readonly #phases = [
    request(T.TRANSACTION_START, "\0"),
    request(T.READ, `${SHARED}\0`),
    request(T.WRITE, `${SHARED}\0dom0`),
    request(T.TRANSACTION_END, "T\0"),
  ] as const;

  constructor(end: End) {
    this.#asker = new Asker(end);
  }

  get times(): readonly number[] {
    return this.#asker.times;
  }

  step(now: number): boolean {
    if (!this.#asker.isWaiting) {
      if (now < this.#due) return false;
      this.#asker.ask(this.#phases[this.#phase]!, now);
      return true;
    }
    const reply = this.#asker.reply(now);
    if (reply === null) return false;
    if (this.#phase === 0) this.#started(parseInt(reply.text));
    if (this.#phase === 1) this.#due = now + GAP_MS;
    if (this.#phase === 3) this.#ended(reply.type !== T.ERROR);
    this.#phase = (this.#phase + 1) % this.#phases.length;
    return true;
  }

  #started(txId: number): void {
    for (const message of this.#phases.slice(1)) putU32(message, 8, txId);
  }

  #ended(committed: boolean): void {
    this.ends++;
    if (committed) this.commits++;
    this.#row = committed ? 0 : this.#row + 1;
    this.longestRow = Math.max(this.longestRow, this.#row);
  }

  finish(now: number): void {
    this.#asker.finish(now);
    // An open transaction would keep what the attackers had, whatever becomes of them.
    this.#asker.ask(request(T.RESET_WATCHES, "\0"), now);
  }
}

/** Has the daemon tell of its memory now and then, and keeps the most of it. */
export class StatusProbe {
  /** The most so far; null where the daemon does not tell. */
  most: Told | null = null;
  readonly #asker: Asker;
  #due = 0;

  constructor(end: End) {
    this.#asker = new Asker(end);
  }

  step(now: number): boolean {
    if (!this.#asker.isWaiting) {
      if (now < this.#due) return false;
      this.#asker.ask(request(T.CONTROL, "status\0"), now);
      return true;
    }
    const reply = this.#asker.reply(now);
    if (reply === null) return false;
    this.#due = now + STATUS_MS;
    if (reply.type === T.ERROR) this.#due = Infinity;
    else this.most = mostOf(this.most, memoryIn(reply.text));
    return true;
  }
}

/** What a daemon tells of its memory, in bytes: JavaScript's heap, what is outside of it, and what is charged. */
export type Told = Pick<Status["memory"], "heap" | "external" | "charged">;

function mostOf(one: Told | null, { charged, external, heap }: Told): Told {
  return {
    heap: Math.max(one?.heap ?? 0, heap),
    external: Math.max(one?.external ?? 0, external),
    charged: Math.max(one?.charged ?? 0, charged),
  };
}

/** The memory in a reply to CONTROL `status`. */
export function memoryIn(reply: string): Status["memory"] {
  const status: Status = JSON.parse(reply.slice(0, reply.indexOf("\0")));
  return status.memory;
}
