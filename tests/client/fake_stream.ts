import type { ByteStream } from "../../lib/client/stream.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";

export interface Request {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly payload: Uint8Array;
}

/** A daemon's side of a stream, in memory: what the client sends comes as whole requests. */
export class FakeStream implements ByteStream {
  readonly requests: Request[] = [];
  closed = false;
  /** Most bytes that one read gives, and one write takes. */
  chunk = Infinity;
  #sent: Uint8Array = new Uint8Array();
  #incoming: (Uint8Array | null)[] = [];
  #reader: ((bytes: Uint8Array | null) => void) | null = null;

  /** Called with each whole request. */
  constructor(private readonly answer: (stream: FakeStream, request: Request) => void = () => {}) {}

  /** Sends a message to the client. */
  reply(type: number, reqId: number, payload: Uint8Array, txId = 0): void {
    this.sendBytes(encodeMessage(type, reqId, txId, payload));
  }

  /** Sends bytes to the client; null hangs up. */
  sendBytes(bytes: Uint8Array | null): void {
    this.#incoming.push(bytes);
    this.#wake();
  }

  #wake(): void {
    if (this.#reader === null || this.#incoming.length === 0) return;
    const reader = this.#reader;
    this.#reader = null;
    reader(this.#incoming.shift()!);
  }

  async read(into: Uint8Array): Promise<number | null> {
    const bytes = await new Promise<Uint8Array | null>((resolve) => {
      this.#reader = resolve;
      this.#wake();
    });
    if (bytes === null) return null;
    const count = Math.min(bytes.length, into.length, this.chunk);
    into.set(bytes.subarray(0, count));
    if (count < bytes.length) this.#incoming.unshift(bytes.subarray(count));
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    const count = Math.min(bytes.length, this.chunk);
    const all = new Uint8Array(this.#sent.length + count);
    all.set(this.#sent);
    all.set(bytes.subarray(0, count), this.#sent.length);
    this.#sent = all;
    this.#takeRequests();
    return Promise.resolve(count);
  }

  #takeRequests(): void {
    for (;;) {
      if (this.#sent.length < HEADER_SIZE) return;
      const { type, reqId, txId, len } = decodeHeader(this.#sent, 0, emptyHeader());
      if (this.#sent.length < HEADER_SIZE + len) return;
      const payload = this.#sent.slice(HEADER_SIZE, HEADER_SIZE + len);
      this.#sent = this.#sent.slice(HEADER_SIZE + len);
      const request = { type, reqId, txId, payload };
      this.requests.push(request);
      this.answer(this, request);
    }
  }

  close(): void {
    this.closed = true;
    this.sendBytes(null);
  }
}
