import type { Clock } from "../../clock.ts";
import { Epoll, EPOLLIN } from "../../../ffi/epoll.ts";
import { receiveWithDescriptors } from "../../../ffi/fd_passing.ts";
import { duplicateFrom } from "../../../ffi/spawn.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";
import { HOLDER_WAIT_MS } from "../../limits.ts";

/** What our descriptors' names begin with; systemd may hand us others of its own. */
export const PREFIX = "xs-";

/** The name of the channel on which our supervisor passes connections to us. */
export const CHANNEL = "channel";

/** What the names of connections begin with that were passed and not taken; a number follows. */
export const PASSED = "new-";

/** What the supervisor says on the channel when it has stopped to accept, as it was told. */
export const STOPPED = "stopped";

/** What we tell it, beside what systemd would understand, too. */
export const NOTICE = {
  /** Accept from the listening socket of that name; an empty one: no more. */
  accept: "X_XS_ACCEPT",
  /** What was passed by that name is FDNAME from now on. */
  taken: "X_XS_TAKEN",
  /** What was passed by that name did not arrive: once more. */
  again: "X_XS_AGAIN",
} as const;

/** What a supervisor that accepts for us is told. */
export interface Passer {
  /** To accept from the listening socket that is held by that name; null: no more. */
  accept(listener: string | null): void;
  /** The connection of that name, with {@link PREFIX}, did not arrive: once more. */
  again(name: string): void;
}

/** A connection that was accepted for us. */
export interface PassedConnection {
  /** As the supervisor holds it, until it is told another name. */
  readonly name: string;
  /** Null when this process may not have more descriptors. */
  readonly fd: number | null;
}

/** Connections that our supervisor accepts for us: each is held when it comes here. */
export class PassedConnections {
  /** Readable when there is one, or when the supervisor is gone. */
  readonly fd: number;
  readonly #passer: Passer;
  readonly #listener: string;
  /** Those for which there was no room. */
  #lost: string[] = [];
  #stopped = false;
  /** The other end is closed: there will be no more. */
  ended = false;

  /** `listener` is the name of the listening socket among what is held. */
  constructor(fd: number, listener: string, passer: Passer, private readonly clock: Clock) {
    this.fd = fd;
    this.#listener = listener;
    this.#passer = passer;
  }

  /** Lets connections be accepted, until {@link stop}. */
  begin(): void {
    this.#passer.accept(this.#listener);
  }

  /** Whether this process may have one more descriptor: one that comes in vain must come again. */
  hasRoom(): boolean {
    const fd = duplicateFrom(this.fd, 0);
    if (fd >= 0) closeFd(fd);
    return fd >= 0;
  }

  /** The next one, if there is any now. */
  next(): PassedConnection | null {
    for (;;) {
      const message = receiveWithDescriptors(this.fd);
      if (message === null) return null;
      const { fds: [fd = null], text } = message;
      if (text === "") this.ended = true;
      if (text === STOPPED) this.#stopped = true;
      else if (this.ended) return null;
      else return this.#passed(text, fd);
    }
  }

  #passed(name: string, fd: number | null): PassedConnection {
    if (fd === null) this.#lost.push(name);
    return { name: name.slice(PREFIX.length), fd };
  }

  /** There is room again for what did not arrive. */
  roomMade(): void {
    for (const name of this.#lost) this.#passer.again(name);
    this.#lost = [];
  }

  /**
   * Lets no more be accepted, and hands what has come till then to `take`. False when the
   * supervisor does not say in time that it has stopped: something may come yet.
   */
  stop(take: (passed: PassedConnection) => void): boolean {
    this.#stopped = false;
    this.#passer.accept(null);
    const epoll = new Epoll(1);
    try {
      epoll.add(this.fd, EPOLLIN);
      const due = this.clock.now() + HOLDER_WAIT_MS;
      for (let left = HOLDER_WAIT_MS; left > 0; left = due - this.clock.now()) {
        epoll.wait(Math.ceil(left));
        for (let passed = this.next(); passed !== null; passed = this.next()) take(passed);
        if (this.#stopped || this.ended) return this.#lost.length === 0;
      }
      return false;
    } finally {
      epoll.close();
    }
  }

  close(): void {
    closeFd(this.fd);
  }
}
