import { EINTR, errno, libc, SystemCallError } from "./libc.ts";
import {
  AF_UNIX,
  cString,
  EINVAL,
  O_CLOEXEC,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./linux.ts";

const SOCK_STREAM = 1;
const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;

/** `struct sockaddr_un` for a path: the family in host order, the path, a NUL. */
export function socketAddress(path: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + bytes.length + 1);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

/** A new nonblocking stream socket, not inherited by child processes. */
function streamSocket(): number {
  const fd = libc.sockets().socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", errno());
  return fd;
}

/**
 * Binds a socket to `path` and listens. The socket's file gets the rights the umask leaves.
 *
 * @throws {SystemCallError} naming the path; nothing is left behind.
 */
export function listenUnix(path: string, backlog: number): number {
  const fd = streamSocket();
  const address = socketAddress(path);
  if (libc.sockets().bind(fd, address, address.length) < 0) {
    const code = errno();
    closeFd(fd);
    throw new SystemCallError(`bind to '${path}'`, code);
  }
  if (libc.sockets().listen(fd, backlog) < 0) {
    const code = errno();
    closeFd(fd);
    throw new SystemCallError(`listen on '${path}'`, code);
  }
  return fd;
}

/**
 * Tries to connect to `path` and disconnects at once. Returns 0 when a daemon answers, otherwise the
 * error number: ENOENT for no such file, ECONNREFUSED for a file nobody listens behind, EAGAIN
 * when one does whose queue is full.
 */
export function probeUnix(path: string): number {
  const fd = streamSocket();
  const address = socketAddress(path);
  let code: number;
  do code = libc.sockets().connect(fd, address, address.length) < 0 ? errno() : 0; while (
    code === EINTR
  );
  closeFd(fd);
  return code;
}

/** Accepts one connection, nonblocking and not inherited. Negative: minus the error number. */
export function acceptUnix(listener: number): number {
  for (;;) {
    const fd = libc.sockets().accept4(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    const code = errno();
    if (code !== EINTR) return -code;
  }
}

/** Makes sure that a descriptor is a listening socket. @throws {SystemCallError} saying so */
export function checkListening(fd: number): void {
  const listens = new Int32Array(1);
  const length = new Uint32Array([4]);
  const status = libc.sockets().getsockopt(
    fd,
    SOL_SOCKET,
    SO_ACCEPTCONN,
    new Uint8Array(listens.buffer),
    new Uint8Array(length.buffer),
  );
  if (status < 0) throw new SystemCallError(`descriptor ${fd} as listening socket`, errno());
  if (listens[0] === 0) throw new SystemCallError(`descriptor ${fd} does not listen`, EINVAL);
}

/** The process and the user behind a connected socket when it connected; null when they are not known. */
export function peerCredentials(fd: number): { readonly pid: number; readonly uid: number } | null {
  const credentials = new Int32Array(3);
  const length = new Uint32Array([12]);
  const status = libc.sockets().getsockopt(
    fd,
    SOL_SOCKET,
    SO_PEERCRED,
    new Uint8Array(credentials.buffer),
    new Uint8Array(length.buffer),
  );
  return status < 0 ? null : { pid: credentials[0]!, uid: credentials[1]! };
}

const O_DIRECTORY = Deno.build.arch === "x86_64" ? 0x10000 : 0x4000;
const O_NOFOLLOW = Deno.build.arch === "x86_64" ? 0x20000 : 0x8000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Locks a directory for ourselves (flock(2)), until the descriptor that it returns is closed.
 * Negative: minus the error number, EAGAIN when another process has it locked.
 */
export function lockDirectory(path: string): number {
  return openAndLock(path, O_DIRECTORY);
}

/** The same for a file. A symbolic link is not followed: ELOOP. */
export function lockPlainFile(path: string): number {
  return openAndLock(path, O_NOFOLLOW);
}

function openAndLock(path: string, flags: number): number {
  const fd = libc.files().open(cString(path), flags | O_CLOEXEC);
  if (fd < 0) return -errno();
  if (libc.files().flock(fd, LOCK_EX | LOCK_NB) === 0) return fd;
  const code = errno();
  closeFd(fd);
  return -code;
}

/** Closes a descriptor. Never tried again on a signal: Linux has freed the number by then. */
export function closeFd(fd: number): void {
  libc.files().close(fd);
}

const SHUT_RDWR = 2;

/**
 * Ends a socket both ways, although others have a descriptor of it: its client finds the end of the
 * stream; a listening one refuses connections.
 */
export function shutDown(fd: number): void {
  libc.sockets().shutdown(fd, SHUT_RDWR);
}

/** Bytes of `struct sockaddr_un`. */
const ADDRESS_BYTES = 110;

/** The path that a Unix socket is bound to; null for none, and for what is no Unix socket. */
export function boundPath(fd: number): string | null {
  const address = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint32Array([ADDRESS_BYTES]);
  if (libc.sockets().getsockname(fd, address, new Uint8Array(length.buffer)) < 0) return null;
  const isUnix = new Uint16Array(address.buffer, 0, 1)[0] === AF_UNIX;
  const path = address.subarray(2, Math.min(length[0]!, ADDRESS_BYTES));
  const end = path.indexOf(0);
  if (!isUnix || end === 0 || path.length === 0) return null;
  return new TextDecoder().decode(end < 0 ? path : path.subarray(0, end));
}
