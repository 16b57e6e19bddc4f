import {
  decodeHeader,
  emptyHeader,
  encodeMessage,
  getU32,
  HEADER_SIZE,
} from "../../../lib/wire/header.ts";
import { MessageType as T } from "../../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../../lib/wire/text.ts";

/** Waits until each request that was sent has its reply. */
export const ANSWERED = Symbol("answered");
/** Waits as ANSWERED does, and until all attackers of the crew wait so. */
export const MEET = Symbol("meet");
/** Lets the others work once: the program goes on in the crew's next round. */
export const PAUSE = Symbol("pause");

/** What a program does next: send a request, or wait. */
export type Step = Uint8Array | typeof ANSWERED | typeof MEET | typeof PAUSE;

/** An attack as one client plays it; it goes on for as long as it is asked to. */
export type Program = Generator<Step, void, void>;

/** The client's end of a connection; neither call waits. */
export interface End {
  read(into: Uint8Array, at: number, end: number): number;
  write(from: Uint8Array, at: number, end: number): number;
  close(): void;
}

/** Bytes that are put together before they are sent: few system calls, if the daemon takes them. */
const OUTPUT_BYTES = 16_384;
const INPUT_BYTES = 65_536;

/** One hostile connection: a program, and the bytes that it has under way. */
export class Attacker {
  readonly #end: End;
  readonly #window: number;
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  #outputAt = 0;
  #outputEnd = 0;
  readonly #input = new Uint8Array(INPUT_BYTES);
  #inputEnd = 0;
  readonly #header = emptyHeader();
  #program: Program | null = null;
  #waiting: Step | null = null;
  /** The types of the requests that have no reply yet, in the order in which replies come. */
  readonly #asked: number[] = [];
  /** Whether it takes what the daemon sends. */
  reading = true;
  /** Whether there is nothing more to say, because it or the daemon disconnected. */
  ended = false;
  /** Whether the daemon has disconnected it, or ignores its ring. */
  wasDisconnected = false;
  /** Replies so far, those that are errors included. */
  replies = 0;
  events = 0;
  /** Error replies so far, by their word. */
  readonly errors = new Map<string, number>();
  /** The error word of the latest reply, "" when it was a success. */
  lastError = "";
  /** The transactions that are open. */
  readonly transactions: number[] = [];

  /** At most `window` requests wait for their replies. */
  constructor(end: End, window: number) {
    this.#end = end;
    this.#window = window;
  }

  play(program: Program): void {
    this.#program = program;
  }

  /** Whether it waits at a MEET and has all its replies. */
  get isAtMeeting(): boolean {
    return this.#waiting === MEET && this.#asked.length === 0;
  }

  /** Whether it does nothing more of itself. */
  get isDone(): boolean {
    return this.ended || this.#program === null && this.#outputAt === this.#outputEnd;
  }

  /** Lets it go on behind its MEET. */
  meet(): void {
    this.#waiting = null;
  }

  disconnect(): void {
    this.ended = true;
    this.#end.close();
  }

  /** Does what it can without waiting; returns whether anything moved. */
  step(): boolean {
    if (this.ended) return false;
    const received = this.reading && this.#receive();
    if (this.#waiting === PAUSE) this.#waiting = null;
    const planned = this.#plan();
    const sent = this.#send();
    return received || planned || sent;
  }

  #plan(): boolean {
    let planned = false;
    while (this.#program !== null && this.#mayGoOn()) {
      const { value, done } = this.#program.next();
      if (this.ended) return true;
      if (done) this.#program = null;
      else if (value instanceof Uint8Array) this.#put(value);
      else this.#waiting = value;
      planned = true;
    }
    return planned;
  }

  #mayGoOn(): boolean {
    if (this.#waiting === MEET || this.#waiting === PAUSE) return false;
    if (this.#waiting === ANSWERED && this.#asked.length > 0) return false;
    this.#waiting = null;
    // Room for the largest message.
    return this.#asked.length < this.#window && OUTPUT_BYTES - this.#outputEnd > 4200;
  }

  #put(message: Uint8Array): void {
    this.#output.set(message, this.#outputEnd);
    this.#outputEnd += message.length;
    this.#asked.push(getU32(message, 0));
  }

  #send(): boolean {
    if (this.#outputAt === this.#outputEnd) return false;
    const count = this.#end.write(this.#output, this.#outputAt, this.#outputEnd);
    if (count < 0) return this.#disconnected();
    this.#outputAt += count;
    if (this.#outputAt > OUTPUT_BYTES / 2 || this.#outputAt === this.#outputEnd) {
      this.#output.copyWithin(0, this.#outputAt, this.#outputEnd);
      this.#outputEnd -= this.#outputAt;
      this.#outputAt = 0;
    }
    return count > 0;
  }

  #receive(): boolean {
    const count = this.#end.read(this.#input, this.#inputEnd, INPUT_BYTES);
    if (count < 0) return this.#disconnected();
    if (count === 0) return false;
    this.#inputEnd += count;
    let at = 0;
    while (this.#inputEnd - at >= HEADER_SIZE) {
      const { type, txId, len } = decodeHeader(this.#input, at, this.#header);
      if (this.#inputEnd - at - HEADER_SIZE < len) break;
      this.#take(type, txId, at + HEADER_SIZE, len);
      at += HEADER_SIZE + len;
    }
    this.#input.copyWithin(0, at, this.#inputEnd);
    this.#inputEnd -= at;
    return true;
  }

  #take(type: number, txId: number, at: number, length: number): void {
    if (type === T.WATCH_EVENT) {
      this.events++;
      return;
    }
    const asked = this.#asked.shift();
    this.replies++;
    if (type !== asked && type !== T.ERROR) {
      throw new Error(`message type ${asked} answered with type ${type}`);
    }
    this.lastError = "";
    if (type === T.ERROR) this.#fail(toText(this.#input, at, at + length - 1));
    else if (type === T.TRANSACTION_START) {
      this.transactions.push(parseInt(toText(this.#input, at, at + length)));
    }
    if (asked === T.TRANSACTION_END) {
      const open = this.transactions.indexOf(txId);
      if (open >= 0) this.transactions.splice(open, 1);
    }
  }

  #fail(word: string): void {
    this.lastError = word;
    this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
  }

  #disconnected(): boolean {
    this.ended = true;
    this.wasDisconnected = true;
    return true;
  }
}

/** A request as bytes, to be sent as often as wanted. A NUL is written as "\0" in `payload`. */
export function request(type: number, payload: string, txId = 0): Uint8Array {
  return encodeMessage(type, 0, txId, toBytes(payload));
}
