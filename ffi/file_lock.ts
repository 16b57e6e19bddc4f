import { EAGAIN, errno, libc, SystemCallError } from "./libc.ts";
import { cString, EACCES, O_CLOEXEC, O_RDWR } from "./linux.ts";
import { closeFd } from "./unix_socket.ts";

const F_TLOCK = 2;
const F_TEST = 3;

/**
 * Locks an existing file for this process, as lockf(3) does, until the returned descriptor is
 * closed; null when another process has it locked.
 *
 * @throws {SystemCallError} naming the file.
 */
export function lockFile(path: string): number | null {
  const fd = open(path);
  if (libc.files().lockf(fd, F_TLOCK, 0n) === 0) return fd;
  const code = errno();
  closeFd(fd);
  if (code === EACCES || code === EAGAIN) return null;
  throw new SystemCallError(`lock '${path}'`, code);
}

/**
 * Puts `text` in place of what is in a locked file, by its descriptor: to close another one of
 * the same file would give the lock up.
 *
 * @throws {SystemCallError} naming the file.
 */
export function writeLockedFile(path: string, fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (libc.files().ftruncate(fd, 0n) === 0 && libc.files().write(fd, bytes, bytes.length) > 0) {
    return;
  }
  throw new SystemCallError(`write '${path}'`, errno());
}

/** Whether another process has an existing file locked. @throws {SystemCallError} as above */
export function isFileLocked(path: string): boolean {
  const fd = open(path);
  const isLocked = libc.files().lockf(fd, F_TEST, 0n) < 0;
  closeFd(fd);
  return isLocked;
}

function open(path: string): number {
  const fd = libc.files().open(cString(path), O_RDWR | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError(`open '${path}'`, errno());
  return fd;
}
