import type { Epoll } from "../../ffi/epoll.ts";
import { EAGAIN, EINTR, errno, libc } from "../../ffi/libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../ffi/linux.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { EpollInterest } from "./epoll_interest.ts";
import type { Transport } from "./transport.ts";

/** A connected Unix socket that an epoll instance watches. */
export class SocketTransport implements Transport {
  readonly fd: number;
  readonly #interest: EpollInterest;
  #isDetached = false;
  readonly #sockets: ReturnType<typeof libc.sockets> = libc.sockets();

  /** Takes over `fd`: nonblocking, and in no epoll instance yet. */
  constructor(fd: number, epoll: Epoll) {
    this.fd = fd;
    this.#interest = new EpollInterest(fd, epoll);
  }

  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const target = at === 0 ? into : into.subarray(at, end);
    for (;;) {
      const count = this.#sockets.recv(this.fd, target, end - at, MSG_DONTWAIT);
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
      const count = this.#sockets.send(this.fd, source, end - at, MSG_DONTWAIT | MSG_NOSIGNAL);
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
    this.#interest.set(input, output);
  }

  rejectOversize(): void {
    // Nothing to tell on a socket: the hang-up that follows is the answer.
  }

  detach(): number {
    this.#isDetached = true;
    return this.fd;
  }

  close(): void {
    // A descriptor of it that another process has got would keep it in the epoll instance.
    this.#interest.end();
    if (!this.#isDetached) closeFd(this.fd);
  }
}
