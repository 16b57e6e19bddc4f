import { type Epoll, EPOLLIN, EPOLLOUT } from "../../ffi/epoll.ts";

/** What an epoll instance reports of a client's descriptor. */
export class EpollInterest {
  readonly #fd: number;
  readonly #epoll: Epoll;
  #events = EPOLLIN;

  /** The descriptor is in no epoll instance of this process yet; its input is reported. */
  constructor(fd: number, epoll: Epoll) {
    this.#fd = fd;
    this.#epoll = epoll;
    epoll.add(fd, EPOLLIN);
  }

  /**
   * Reports input, room for output, both or nothing. epoll reports a disconnect whatever it is
   * asked for, so a client that waits for neither leaves the instance: it would wake the loop
   * again and again.
   */
  set(input: boolean, output: boolean): void {
    const events = (input ? EPOLLIN : 0) | (output ? EPOLLOUT : 0);
    const before = this.#events;
    if (events === before) return;
    this.#events = events;
    if (events === 0) this.#epoll.remove(this.#fd);
    else if (before === 0) this.#epoll.add(this.#fd, events);
    else this.#epoll.modify(this.#fd, events);
  }

  /** Reports nothing any more: a descriptor that another process has, too, stays in the instance. */
  end(): void {
    this.set(false, false);
  }
}
