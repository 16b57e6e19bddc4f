import { removeQuietly } from "../../files.ts";
import { descriptorTarget, keepOnExec, openDescriptors } from "../../../ffi/exec.ts";
import { SystemCallError } from "../../../ffi/libc.ts";
import { isFileLocked, lockFile, writeLockedFile } from "../../../ffi/file_lock.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";

/** A pid file that another daemon has. */
export class PidFileLocked extends Error {
  constructor(path: string) {
    super(`Cannot use the pid file '${path}': the daemon named in it is running`);
    this.name = "PidFileLocked";
  }
}

/** The file with the daemon's pid, locked while the daemon runs: as C xenstored does it. */
export class PidFile {
  readonly #path: string;
  /** Holds the lock; it goes over to a process that takes this one's place. */
  readonly fd: number;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.fd = fd;
  }

  /**
   * Writes and locks the file, made with mode 0600.
   *
   * @throws {PidFileLocked} when another daemon has it.
   * @throws {Error} when it cannot be written.
   */
  static write(path: string): PidFile {
    Deno.openSync(path, { append: true, create: true, mode: 0o600 }).close();
    const fd = lockFile(path);
    if (fd === null) throw new PidFileLocked(path);
    writeLockedFile(path, fd, `${Deno.pid}\n`);
    return new PidFile(path, fd);
  }

  /**
   * Takes up the file that the program before us in this process held open, if it did; else writes
   * it again.
   *
   * @throws {PidFileLocked} as {@link write} does.
   */
  static inherit(path: string): PidFile {
    let real = path;
    try {
      real = Deno.realPathSync(path);
    } catch {
      // It is not there: nobody holds it.
    }
    for (const fd of openDescriptors()) {
      if (descriptorTarget(fd) !== real) continue;
      keepOnExec(fd, false);
      return new PidFile(path, fd);
    }
    return PidFile.write(path);
  }

  /** Removes the file: what starts daemons takes it for one that runs. */
  remove(): void {
    removeQuietly(this.#path);
    closeFd(this.fd);
  }
}

/** Whether a running daemon has the pid file `path`. */
export function isPidFileLocked(path: string): boolean {
  try {
    return isFileLocked(path);
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}
