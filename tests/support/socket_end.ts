import { EAGAIN, errno, libc } from "../../ffi/libc.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { connectUnix } from "./unix_socket.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** A client's end of a Unix socket, read and written without waiting: for tests with a step. */
export class SocketEnd {
  #fd: number;
  /** The daemon has hung up. */
  ended = false;

  constructor(path: string) {
    this.#fd = connectUnix(path);
  }

  /** As Transport.read. */
  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const count = libc.sockets().recv(this.#fd, into.subarray(at, end), end - at, MSG_DONTWAIT);
    return this.#judge(count === 0 ? -1 : count, count === 0);
  }

  /** As Transport.write. */
  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return this.#judge(
      libc.sockets().send(this.#fd, from.subarray(at, end), end - at, flags),
      false,
    );
  }

  #judge(count: number, ended: boolean): number {
    if (count >= 0) return count;
    if (!ended && errno() === EAGAIN) return 0;
    this.ended = true;
    return -1;
  }

  /** A second time, and reading and writing then, does nothing. */
  close(): void {
    if (this.#fd >= 0) closeFd(this.#fd);
    this.#fd = -1;
  }
}
