import { errno, libc, SystemCallError } from "./libc.ts";
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } from "./linux.ts";
import { closeFd } from "./unix_socket.ts";

const SOCK_DGRAM = 2;
const SO_PASSCRED = 16;
const SO_SNDTIMEO = 21;

/**
 * Sends one datagram to a Unix socket; a name that begins with `@` is an abstract one. Never
 * waits. Returns 0, or the error number.
 */
export function sendDatagram(path: string, text: string): number {
  const fd = libc.sockets().socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno();
  const bytes = new TextEncoder().encode(text);
  const address = datagramAddress(path);
  const count = libc.sockets().sendto(
    fd,
    bytes,
    bytes.length,
    MSG_NOSIGNAL,
    address,
    address.length,
  );
  const code = count < 0 ? errno() : 0;
  closeFd(fd);
  return code;
}

/**
 * A datagram socket connected to the one at `path` (named as above), whose sends wait up to
 * `timeoutMs` for room. Negative: minus the error number.
 */
export function connectDatagram(path: string, timeoutMs: number): number {
  const fd = libc.sockets().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno();
  const address = datagramAddress(path);
  const seconds = Math.floor(timeoutMs / 1000);
  const timeout = new BigInt64Array([BigInt(seconds), BigInt((timeoutMs % 1000) * 1000)]);
  const failed = setOption(fd, SO_SNDTIMEO, new Uint8Array(timeout.buffer)) < 0 ||
    libc.sockets().connect(fd, address, address.length) < 0;
  if (!failed) return fd;
  const code = errno();
  closeFd(fd);
  return -code;
}

/**
 * A datagram socket bound to `path`, named as above; each message tells who sent it.
 *
 * @throws {SystemCallError} naming the path.
 */
export function bindDatagram(path: string): number {
  const fd = libc.sockets().socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", errno());
  const address = datagramAddress(path);
  const on = new Uint8Array(new Int32Array([1]).buffer);
  const failed = setOption(fd, SO_PASSCRED, on) < 0 ||
    libc.sockets().bind(fd, address, address.length) < 0;
  if (!failed) return fd;
  const code = errno();
  closeFd(fd);
  throw new SystemCallError(`bind to '${path}'`, code);
}

function setOption(fd: number, option: number, value: Uint8Array<ArrayBuffer>): number {
  return libc.sockets().setsockopt(fd, SOL_SOCKET, option, value, value.length);
}

/** `struct sockaddr_un`: an abstract name begins with a NUL, has no other, and counts in full. */
function datagramAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path);
  const isAbstract = path.startsWith("@");
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}
