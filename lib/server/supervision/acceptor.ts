import { type Epoll, EPOLLIN } from "../../../ffi/epoll.ts";
import { makeChannel, sendWithDescriptor } from "../../../ffi/fd_passing.ts";
import { EAGAIN, ECONNABORTED, errorText } from "../../../ffi/libc.ts";
import { EINVAL } from "../../../ffi/linux.ts";
import { duplicateFrom } from "../../../ffi/spawn.ts";
import { acceptUnix, closeFd } from "../../../ffi/unix_socket.ts";
import { PASSED_MAX } from "../../limits.ts";
import type { HeldDescriptor, HeldDescriptors } from "./descriptor_store.ts";
import type { Log } from "../logging/log.ts";
import { CHANNEL, NOTICE, PASSED, PREFIX, STOPPED } from "./passed_connections.ts";

const EPIPE = 32;

/**
 * Accepts connections in the place of a daemon, and passes each to it once it is held: so there is
 * no moment at which only the daemon has one, and could take it along when it dies.
 *
 * What was passed is _untaken_ until the daemon says by which name it knows the connection. What
 * is untaken when it dies is new to the next daemon, which gets it with all else that is held.
 */
export class Acceptor {
  readonly #held: HeldDescriptors;
  readonly #epoll: Epoll;
  readonly #log: Log;
  /** Our end of the channel to the daemon that runs, or -1. */
  #channel = -1;
  /** The name of the listening socket to accept from; null for none. */
  #from: string | null = null;
  /** Its descriptor while it is watched, else -1. */
  #watched = -1;
  readonly #untaken = new Set<string>();
  /** Those of them that could not be sent. */
  readonly #unsent = new Set<string>();
  /** Something is missing that is needed to accept. */
  #starved = false;
  #complained = false;
  #last = 0;

  constructor(held: HeldDescriptors, epoll: Epoll, log: Log) {
    this.#held = held;
    this.#epoll = epoll;
    this.#log = log;
  }

  /**
   * A daemon is about to be started: returns its end of the channel, with a number fit for a child
   * and the caller's to close.
   *
   * @throws {SystemCallError} when none can be made.
   */
  open(): HeldDescriptor {
    const [ours, theirs] = makeChannel();
    this.#channel = ours;
    const fd = duplicateFrom(theirs, this.#held.least);
    closeFd(theirs);
    return { name: PREFIX + CHANNEL, fd };
  }

  /** The daemon is dead; its clients to come wait until there is another. */
  close(): void {
    this.#stop();
    this.#unsent.clear();
    this.#starved = false;
    if (this.#channel >= 0) closeFd(this.#channel);
    this.#channel = -1;
  }

  /** Whether there is something to be tried again after a while. */
  get waits(): boolean {
    return this.#starved || this.#unsent.size > 0;
  }

  /** Does what a notice of the daemon says about connections, before what it says of descriptors. */
  apply(notice: ReadonlyMap<string, string>): void {
    const name = notice.get("FDNAME") ?? "";
    if (notice.get("FDSTOREREMOVE") === "1") this.#gone(name);
    const from = notice.get(NOTICE.accept);
    if (from !== undefined) {
      this.#stop();
      this.work();
      if (from !== "") this.#from = from;
      // It is only true when there is nothing that may come yet.
      else if (this.#unsent.size === 0) sendWithDescriptor(this.#channel, STOPPED, null);
    }
    const taken = notice.get(NOTICE.taken);
    if (taken !== undefined) {
      this.#held.rename(taken, name);
      this.#untaken.delete(taken);
    }
    const again = notice.get(NOTICE.again) ?? "";
    if (this.#untaken.has(again)) this.#unsent.add(again);
    this.work();
  }

  /** The daemon has no use for what was held under that name. */
  #gone(name: string): void {
    if (name === this.#from) this.#stop();
    this.#untaken.delete(name);
    this.#unsent.delete(name);
  }

  #stop(): void {
    this.#from = null;
    this.#watch();
  }

  /** Watches the listening socket as long as there is room for who comes. */
  #watch(): void {
    const hasRoom = this.#untaken.size < PASSED_MAX && !this.waits;
    const fd = this.#from === null || !hasRoom ? -1 : this.#held.find(this.#from) ?? -1;
    if (fd === this.#watched) return;
    if (this.#watched >= 0) this.#epoll.remove(this.#watched);
    if (fd >= 0) this.#epoll.add(fd, EPOLLIN);
    this.#watched = fd;
  }

  /** Whether the events of a descriptor are for us. */
  watches(fd: number): boolean {
    return fd === this.#watched;
  }

  /** Goes on with all that can be done. */
  work(): void {
    this.#starved = false;
    for (const name of this.#unsent) {
      this.#unsent.delete(name);
      if (!this.#pass(name)) break;
    }
    this.#watch();
  }

  /** A client connects. */
  accept(): void {
    while (this.#watched >= 0) {
      const fd = acceptUnix(this.#watched);
      if (fd >= 0) {
        const name = `${PREFIX}${PASSED}${++this.#last}`;
        this.#complained = false;
        if (this.#held.keep(name, fd)) {
          this.#untaken.add(name);
          this.#pass(name);
        }
        closeFd(fd);
      } else if (-fd === EAGAIN) {
        return;
      } else if (-fd === EINVAL) {
        // It is shut down: the daemon is about to say so.
        this.#from = null;
      } else if (-fd !== ECONNABORTED) {
        this.#complain(`cannot accept a connection: ${errorText(-fd)}`);
        this.#starved = true;
      }
      this.#watch();
    }
  }

  /** Says once what is tried again and again. */
  #complain(text: string): void {
    if (!this.#complained) this.#log("error", text);
    this.#complained = true;
  }

  /** False when there is no room now. */
  #pass(name: string): boolean {
    const fd = this.#held.find(name);
    if (fd === null) return true;
    const code = sendWithDescriptor(this.#channel, name, fd);
    // A daemon that has just died is not to hear of it: the next one will.
    if (code === 0 || code === EPIPE) return true;
    this.#unsent.add(name);
    return false;
  }
}
