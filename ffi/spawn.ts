import { errno, libc, SystemCallError } from "./libc.ts";
import { cString } from "./linux.ts";

/** More than any `posix_spawn_file_actions_t`: 80 bytes in glibc. */
const FILE_ACTIONS_BYTES = 256;
/** The same on all architectures. */
const SYS_PIDFD_OPEN = 434n;
const WNOHANG = 1;
const F_DUPFD_CLOEXEC = 1030;

/** A program to start. */
export interface SpawnSpec {
  readonly path: string;
  /** With the name that it must be called by. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors that it is to have as 3, 4 and so on; ours are none below `3 + fds.length`. */
  readonly fds: readonly number[];
}

/**
 * Starts a program as a child that has our standard streams and the descriptors given. Returns
 * its process id.
 *
 * @throws {SystemCallError} when it cannot be started.
 */
export function spawn({ argv, env, fds, path }: SpawnSpec): number {
  const { posix_spawn, posix_spawn_file_actions_init, posix_spawn_file_actions_destroy } = libc
    .processes();
  const actions = new Uint8Array(FILE_ACTIONS_BYTES);
  posix_spawn_file_actions_init(actions);
  try {
    fds.forEach((fd, i) => {
      const code = libc.processes().posix_spawn_file_actions_adddup2(actions, fd, 3 + i);
      if (code !== 0) throw new SystemCallError(`pass descriptor ${fd} on`, code);
    });
    const pid = new Int32Array(1);
    const vars = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const [words, variables] = _underWay = [new StringArray(argv), new StringArray(vars)] as const;
    const program = cString(path);
    const code = posix_spawn(
      new Uint8Array(pid.buffer),
      program,
      actions,
      null,
      words.pointers,
      variables.pointers,
    );
    if (code !== 0) throw new SystemCallError(`start '${path}'`, code);
    return pid[0]!;
  } finally {
    posix_spawn_file_actions_destroy(actions);
  }
}

/** `char *const []` with a null at its end. */
class StringArray {
  readonly pointers: Uint8Array<ArrayBuffer>;
  readonly #strings: readonly Uint8Array<ArrayBuffer>[];

  constructor(texts: readonly string[]) {
    this.#strings = texts.map(cString);
    const addresses = new BigUint64Array(texts.length + 1);
    this.#strings.forEach((bytes, i) => {
      addresses[i] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
    });
    this.pointers = new Uint8Array(addresses.buffer);
  }
}

/** Of the latest call: pointers do not keep what they name from being collected. */
let _underWay: readonly StringArray[] = [];

/**
 * A descriptor that becomes readable when the process ends.
 *
 * @throws {SystemCallError} when there is no such process, or the kernel is older than 5.3.
 */
export function openPidFd(pid: number): number {
  const fd = Number(libc.processes().syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n));
  if (fd < 0) throw new SystemCallError(`pidfd_open of process ${pid}`, errno());
  return fd;
}

/** How a child ended: by a signal, or with an exit status. */
export interface ChildEnd {
  readonly signal: number | null;
  readonly status: number;
}

/** Takes note of a child's end; null while it lives. */
export function reap(pid: number): ChildEnd | null {
  const status = new Int32Array(1);
  if (libc.processes().waitpid(pid, new Uint8Array(status.buffer), WNOHANG) !== pid) return null;
  const word = status[0]!;
  const signal = word & 0x7f;
  return signal === 0 ? { signal: null, status: word >> 8 & 0xff } : { signal, status: 1 };
}

/**
 * A second number, `least` or higher, for what `fd` stands for; child processes do not inherit it.
 * Negative: minus the error number.
 */
export function duplicateFrom(fd: number, least: number): number {
  const copy = libc.files().fcntl(fd, F_DUPFD_CLOEXEC, least);
  return copy < 0 ? -errno() : copy;
}
