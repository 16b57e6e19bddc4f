import { errno, libc, SystemCallError } from "./libc.ts";
import { cString } from "./linux.ts";

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0x800;
const SIG_SETMASK = 2;
const SIGPIPE = 13;

/** `sigset_t` of the C library: 1024 bits. */
const SIGNAL_SET_BYTES = 128;

/**
 * Puts another program in this one's place: same process, same descriptors but those that are
 * closed on exec, none of our other threads. Signals are as a fresh program expects them: none
 * blocked, and SIGPIPE, which the runtime ignores, back to its default.
 *
 * Returns only if that was not possible: the error number, with the signals as they were.
 *
 * @param argv the program's own name first
 */
export function replaceProcess(file: string, argv: readonly string[]): number {
  const exec = libc.replacement();
  const words = argv.map(cString);
  const pointers = new BigUint64Array(words.length + 1);
  words.forEach((word, at) => pointers[at] = Deno.UnsafePointer.value(pointerOf(word)));
  const none = new Uint8Array(SIGNAL_SET_BYTES);
  const mask = new Uint8Array(SIGNAL_SET_BYTES);
  exec.sigemptyset(none);
  exec.pthread_sigmask(SIG_SETMASK, none, mask);
  const onPipe = exec.signal(SIGPIPE, null);
  const path = cString(file);
  exec.execv(path, new Uint8Array(pointers.buffer));
  const code = errno();
  exec.signal(SIGPIPE, onPipe);
  exec.pthread_sigmask(SIG_SETMASK, mask, null);
  return code;
}

function pointerOf(bytes: Uint8Array<ArrayBuffer>): Deno.PointerObject {
  return Deno.UnsafePointer.of(bytes)!;
}

/**
 * Says whether a descriptor is there for the program that takes this one's place.
 *
 * @throws {SystemCallError} when it is not open.
 */
export function keepOnExec(fd: number, keep: boolean): void {
  const flags = libc.files().fcntl(fd, F_GETFD, 0);
  const wanted = keep ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC;
  if (flags >= 0 && libc.files().fcntl(fd, F_SETFD, wanted) >= 0) return;
  throw new SystemCallError(`fcntl of descriptor ${fd}`, errno());
}

/** Says whether reading and writing a descriptor may wait. @throws {SystemCallError} as above */
export function setNonblocking(fd: number, nonblocking: boolean): void {
  const flags = libc.files().fcntl(fd, F_GETFL, 0);
  const wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags >= 0 && libc.files().fcntl(fd, F_SETFL, wanted) >= 0) return;
  throw new SystemCallError(`fcntl of descriptor ${fd}`, errno());
}

/** The numbers of all open descriptors. */
export function openDescriptors(): number[] {
  const fds: number[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) fds.push(Number(name));
  return fds.sort((a, b) => a - b);
}

/** What a descriptor stands for, as the kernel names it: a file's path, or such as `socket:[7]`. */
export function descriptorTarget(fd: number): string | null {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}
