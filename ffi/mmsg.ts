import { errno, libc } from "./libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./linux.ts";

/**
 * Layout of `struct mmsghdr` and `struct iovec` with 64-bit pointers, as indices of 32-bit words.
 * Every other word of a header is zero: a connected socket has no names and nobody sends control
 * messages.
 */
export const MMSGHDR_BYTES = 64;
export const MMSGHDR_IOV = 4;
export const MMSGHDR_IOVLEN = 6;
/** Where the kernel puts how many bytes it moved, in the system call that moves them. */
export const MMSGHDR_LEN = 14;
export const IOVEC_BYTES = 16;
export const IOVEC_BASE = 0;
export const IOVEC_LEN = 2;

/**
 * Receives into what `header` points at, without waiting. Returns 0 when the kernel has written
 * the header's length (which is 0 at the end of the stream), or the error number.
 */
export function receiveMessage(fd: number, header: Uint8Array<ArrayBuffer>): number {
  return libc.messages().recvmmsg(fd, header, 1, MSG_DONTWAIT, null) < 0 ? errno() : 0;
}

/** Sends what `header` points at, without waiting: as much as fits. Returns as above. */
export function sendMessage(fd: number, header: Uint8Array<ArrayBuffer>): number {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return libc.messages().sendmmsg(fd, header, 1, flags) < 0 ? errno() : 0;
}
