import { errno, libc } from "./libc.ts";
import { closeFd } from "./unix_socket.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Sends one datagram to a Unix socket; a name that begins with `@` is an abstract one. Never
 * waits. Returns 0, or the error number.
 */
export function sendDatagram(path: string, text: string): number {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno();
  const bytes = new TextEncoder().encode(text);
  const address = datagramAddress(path);
  const count = libc().sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
  const code = count < 0 ? errno() : 0;
  closeFd(fd);
  return code;
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
