import type { Transport } from "../../lib/transport/transport.ts";

/** Bytes of an in-process stream before its writer has to wait. */
export const MEMORY_PIPE_BYTES = 65_536;

/** One direction of an in-process stream: a bounded queue of bytes. */
class Pipe {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #used = 0;
  closed = false;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  take(into: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#used, end - at);
    if (count === 0) return this.closed ? -1 : 0;
    into.set(this.#bytes.subarray(0, count), at);
    this.#bytes.copyWithin(0, count, this.#used);
    this.#used -= count;
    return count;
  }

  put(from: Uint8Array, at: number, end: number): number {
    if (this.closed) return -1;
    const count = Math.min(this.#bytes.length - this.#used, end - at);
    this.#bytes.set(from.subarray(at, at + count), this.#used);
    this.#used += count;
    return count;
  }
}

/** One end of an in-process stream, for tests and programs that embed the server. */
export class MemoryTransport implements Transport {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  #other: MemoryTransport | null = null;
  /** Called when the other end has written, read or closed: something may be possible now. */
  onChange: () => void = () => {};

  private constructor(incoming: Pipe, outgoing: Pipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  /** Two connected ends; each direction holds up to `capacity` bytes. */
  static pair(capacity = MEMORY_PIPE_BYTES): [MemoryTransport, MemoryTransport] {
    const there = new Pipe(capacity);
    const back = new Pipe(capacity);
    const left = new MemoryTransport(back, there);
    const right = new MemoryTransport(there, back);
    left.#other = right;
    right.#other = left;
    return [left, right];
  }

  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const count = this.#incoming.take(into, at, end);
    if (count > 0) this.#other!.onChange();
    return count;
  }

  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const count = this.#outgoing.put(from, at, end);
    if (count > 0) this.#other!.onChange();
    return count;
  }

  settle(): boolean {
    // What was read is gone from the stream already.
    return false;
  }

  want(): void {
    // Each change is announced once: nobody polls this.
  }

  rejectOversize(): void {
    // As on a socket, the hang-up that follows is the answer.
  }

  close(): void {
    this.#incoming.closed = true;
    this.#outgoing.closed = true;
    this.#other!.onChange();
  }
}
