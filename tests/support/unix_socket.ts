/** What tests want of Unix sockets, and the daemon does not. */
import { EINTR, errno, libc, SystemCallError } from "../../ffi/libc.ts";
import { closeFd, socketAddress } from "../../ffi/unix_socket.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const F_SETFL = 4;

/**
 * Connects to `path`, nonblocking from then on; waits while the listener's queue is full.
 *
 * @throws {SystemCallError} naming the path.
 */
export function connectUnix(path: string): number {
  const fd = libc.sockets().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", errno());
  const address = socketAddress(path);
  let code: number;
  do code = libc.sockets().connect(fd, address, address.length) < 0 ? errno() : 0; while (
    code === EINTR
  );
  if (code === 0 && libc.files().fcntl(fd, F_SETFL, SOCK_NONBLOCK) === 0) return fd;
  closeFd(fd);
  throw new SystemCallError(`connect to '${path}'`, code);
}

/** Limits how much the kernel takes of what is not read at the other end. */
export function setSendBuffer(fd: number, bytes: number): void {
  const value = new Uint8Array(new Int32Array([bytes]).buffer);
  libc.sockets().setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, value.length);
}
