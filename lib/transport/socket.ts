import { type Epoll, EPOLLIN, EPOLLOUT } from "../../ffi/epoll.ts";
import { EAGAIN, EINTR, errno, type Libc, libc } from "../../ffi/libc.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import type { Transport } from "./transport.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** A connected Unix socket that an epoll instance watches. */
export class SocketTransport implements Transport {
  readonly fd: number;
  readonly #epoll: Epoll;
  readonly #libc: Libc = libc();
  #interest = EPOLLIN;

  /** Takes over `fd`: nonblocking, and in no epoll instance yet. */
  constructor(fd: number, epoll: Epoll) {
    this.fd = fd;
    this.#epoll = epoll;
    epoll.add(fd, EPOLLIN);
  }

  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const target = at === 0 ? into : into.subarray(at, end);
    for (;;) {
      const count = this.#libc.recv(this.fd, target, end - at, MSG_DONTWAIT);
      if (count > 0) return count;
      if (count === 0) return -1;
      const code = errno();
      if (code === EAGAIN) return 0;
      if (code !== EINTR) return -1;
    }
  }

  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const source = at === 0 ? from : from.subarray(at, end);
    for (;;) {
      const count = this.#libc.send(this.fd, source, end - at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count >= 0) return count;
      const code = errno();
      if (code === EAGAIN) return 0;
      if (code !== EINTR) return -1;
    }
  }

  settle(): boolean {
    // What was read is gone from the stream already.
    return false;
  }

  want(input: boolean, output: boolean): void {
    const interest = (input ? EPOLLIN : 0) | (output ? EPOLLOUT : 0);
    const before = this.#interest;
    if (interest === before) return;
    this.#interest = interest;
    // A hang-up is reported whatever is asked for: of one who waits for neither, again and again.
    if (interest === 0) this.#epoll.remove(this.fd);
    else if (before === 0) this.#epoll.add(this.fd, interest);
    else this.#epoll.modify(this.fd, interest);
  }

  rejectOversize(): void {
    // Nothing to tell on a socket: the hang-up that follows is the answer.
  }

  close(): void {
    // A descriptor of it that another process has got would keep it in the epoll instance.
    this.#epoll.remove(this.fd);
    closeFd(this.fd);
  }
}
