import { type Clock, sleep } from "../../clock.ts";
import { EAGAIN, errorText } from "../../../ffi/libc.ts";
import { closeFd, lockDirectory, lockPlainFile } from "../../../ffi/unix_socket.ts";
import { removeQuietly } from "../../files.ts";
import { START_LOCK_RETRY_MS, START_LOCK_TRIES_MAX } from "../../limits.ts";

/**
 * The right to replace a dead socket and to listen in its place: one of several daemons that
 * start at once has it.
 *
 * It is a lock (flock(2)) on a file of mode 0600 beside the socket. A process that can open a file
 * can lock it, so a lock on the directory, which everybody may read, lets any local user
 * keep the daemon from starting. Daemons before 0.2 lock the directory for the milliseconds between
 * their look at the socket and their listen(2). So this lock takes the directory, too, which excludes
 * them. When another process has it locked, we wait as long as two such daemons wait for each
 * other: a process that holds it longer is not a daemon that starts, and we go on without it. The
 * holder's user id cannot decide instead: a user's lock stays with a set-user-ID program that the
 * user executes, and then looks like root's.
 */
export class StartRaceLock {
  readonly #path: string;
  readonly #descriptors: readonly number[];

  private constructor(path: string, descriptors: readonly number[]) {
    this.#path = path;
    this.#descriptors = descriptors;
  }

  /**
   * Waits for the lock of the socket `name` in `directory`.
   *
   * @throws {StartRaceLockError} when another daemon keeps it, or there cannot be one.
   */
  static async take(directory: string, name: string, clock: Clock): Promise<StartRaceLock> {
    const path = `${directory}/${lockName(name)}`;
    const file = await retry(clock, () => lockOwnFile(path));
    if (file < 0) throw new StartRaceLockError(wordsFor(path, -file));
    const inherited = await retry(clock, () => lockDirectory(directory));
    return new StartRaceLock(path, inherited < 0 ? [file] : [file, inherited]);
  }

  /** The lock, if nobody else has it or the directory's; else null. */
  static takeNow(directory: string, name: string): StartRaceLock | null {
    const path = `${directory}/${lockName(name)}`;
    const file = lockOwnFile(path);
    if (file < 0) return null;
    const inherited = lockDirectory(directory);
    const lock = new StartRaceLock(path, inherited < 0 ? [file] : [file, inherited]);
    if (inherited >= 0) return lock;
    lock.release();
    return null;
  }

  release(): void {
    // While it is locked: another daemon has it open at most, and looks again (see isCurrent).
    removeQuietly(this.#path);
    for (const fd of this.#descriptors) closeFd(fd);
  }
}

/** Why there is no lock, in words for the operator. */
export class StartRaceLockError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "StartRaceLockError";
  }
}

/** The name of a socket's lock file. */
export function lockName(socketName: string): string {
  return `.${socketName}.lock`;
}

async function retry(clock: Clock, lock: () => number): Promise<number> {
  for (let tries = 1;; tries++) {
    const fd = lock();
    if (fd !== -EAGAIN || tries >= START_LOCK_TRIES_MAX) return fd;
    await sleep(clock, START_LOCK_RETRY_MS);
  }
}

/** Locks a file that nobody else can open, made when it is missing; negative as by the calls below. */
function lockOwnFile(path: string): number {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch {
    // It is there already, or opening it says why it cannot be.
  }
  try {
    const { isFile, mode, uid } = Deno.lstatSync(path);
    if (!isFile || uid !== Deno.uid()) return -EPERM;
    if ((mode ?? 0) % 0o1000 !== 0o600) Deno.chmodSync(path, 0o600);
  } catch {
    // Gone, or out of reach: opening it says so.
  }
  const fd = lockPlainFile(path);
  if (fd < 0 || isCurrent(path, fd)) return fd;
  closeFd(fd);
  return -EAGAIN;
}

/** Whether a locked file is still the one of that name: the daemon that had the lock removes it. */
function isCurrent(path: string, fd: number): boolean {
  try {
    return Deno.lstatSync(path).ino === Deno.statSync(`/proc/self/fd/${fd}`).ino;
  } catch {
    return false;
  }
}

const EPERM = 1;

function wordsFor(path: string, code: number): string {
  if (code === EAGAIN) return `another daemon is starting there`;
  if (code === EPERM) return `'${path}' is not a file of this user; remove it`;
  return `cannot lock '${path}': ${errorText(code)}`;
}
