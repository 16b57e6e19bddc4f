/** Numbers of Linux's interface that several files need, as in its headers. */

export const EACCES = 13;
export const EINVAL = 22;

export const O_RDWR = 2;
export const O_CLOEXEC = 0x80000;

export const AF_UNIX = 1;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

export const PROT_READ_WRITE = 3;
export const MAP_SHARED = 1;
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Text as the C library takes it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
