import type { Epoll } from "../../ffi/epoll.ts";
import { EAGAIN, EINTR } from "../../ffi/libc.ts";
import { closeFd, shutDown } from "../../ffi/unix_socket.ts";
import { HELD_INPUT_BYTES } from "../limits.ts";
import type { HeldSlot } from "./held_slot.ts";
import { EpollInterest } from "./epoll_interest.ts";
import type { RingPosition, Transport } from "./transport.ts";

const ECONNRESET = 104;

/** What holds the descriptor too, and is told when the connection has ended. */
export interface HeldBy {
  /** To be called once the client has been disconnected; the descriptor is still open. */
  release(slot: HeldSlot): void;
}

/**
 * A connected Unix socket that outlives this process, as a ring does: its descriptor is held by
 * a holder, and what was received and sent is counted in memory that stays. The journal
 * knows it as it knows a ring.
 */
export class HeldSocketTransport implements Transport, RingPosition {
  readonly position: RingPosition = this;
  readonly fd: number;
  readonly slot: HeldSlot;
  readonly ignored = false;
  readonly #interest: EpollInterest;
  #isDetached = false;
  readonly #heldBy: HeldBy;
  /** Bytes read that are not settled. */
  #ahead = 0;

  /** Takes over `fd`: nonblocking, and in no epoll instance of this process yet. */
  constructor(fd: number, slot: HeldSlot, epoll: Epoll, heldBy: HeldBy) {
    this.fd = fd;
    this.slot = slot;
    this.#heldBy = heldBy;
    this.#interest = new EpollInterest(fd, epoll);
  }

  /** Goes on, after a restart, behind the bytes that the journal knows to be taken. */
  resume(requestsTaken: number): void {
    this.slot.settled = requestsTaken;
  }

  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const { slot } = this;
    const ended = !slot.full && this.#receive() < 0;
    const count = slot.copyInput(this.requestsTaken, into, at, end);
    this.#ahead += count;
    // Whatever came before the end is taken first: the end is found again.
    return count > 0 ? count : ended ? -1 : 0;
  }

  unread(): Uint8Array {
    const bytes = new Uint8Array(HELD_INPUT_BYTES);
    return bytes.subarray(0, this.slot.copyInput(this.requestsTaken, bytes, 0, bytes.length));
  }

  /** Receives what has come; negative at the end. */
  #receive(): number {
    const { fd, slot } = this;
    const before = slot.received;
    for (let resets = 0;;) {
      const code = slot.receive(fd);
      if (code === 0) return slot.received === before ? -1 : 0;
      if (code === EAGAIN) return 0;
      // recvmmsg(2) tells of a reset before it gives what came ahead of that: once.
      if (code === ECONNRESET && resets++ === 0) continue;
      if (code !== EINTR) return -1;
    }
  }

  /** Our count of bytes received, with what is not settled yet. */
  get requestsTaken(): number {
    return (this.slot.settled + this.#ahead) >>> 0;
  }

  get responsesWritten(): number {
    return this.slot.sent;
  }

  settle(): boolean {
    if (this.#ahead === 0) return false;
    this.slot.settled = this.requestsTaken;
    this.#ahead = 0;
    return false;
  }

  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const { fd, slot } = this;
    const before = slot.sent;
    for (;;) {
      const code = slot.send(fd, from, at, end);
      if (code === 0) return (slot.sent - before) >>> 0;
      if (code === EAGAIN) return 0;
      if (code !== EINTR) return -1;
    }
  }

  want(input: boolean, output: boolean): void {
    this.#interest.set(input, output);
  }

  rejectOversize(): void {
    // As on any socket, the hang-up that follows is the answer.
  }

  /** From now on nobody else has it: with this process it ends. */
  detach(): number {
    this.#isDetached = true;
    return this.fd;
  }

  /** A holder has the descriptor, too: to close ours neither disconnects nor leaves the epoll. */
  close(): void {
    if (!this.#isDetached) shutDown(this.fd);
    this.#interest.end();
    this.#heldBy.release(this.slot);
    if (!this.#isDetached) closeFd(this.fd);
  }
}
