/** Folders for temporary files. The next process removes those that killed processes have left. */
import { EAGAIN, ENOENT, errorText } from "../../ffi/libc.ts";
import { closeFd, lockDirectory } from "../../ffi/unix_socket.ts";
import { directoryOf, lstatOf, namesIn, removeQuietly } from "../files.ts";
import { systemReason } from "../wire/system_error.ts";

/** A folder cannot be made. */
export class FolderError extends Error {
  override readonly name = "FolderError";

  constructor(
    /** What the operating system says. */
    readonly reason: string,
  ) {
    super(`cannot make a folder: ${reason}`);
  }
}

/** A folder for this user alone. It is locked until its process ends; child processes do not inherit the lock. */
export class LockedFolder implements Disposable {
  readonly path: string;
  /** The descriptor of the lock; negative once the folder is removed. */
  #lock: number;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes a folder, and removes unlocked ones of this user in the same place whose names begin with `prefix`. So every version of
   * the program must lock the folders that it makes with that prefix.
   *
   * @param dir where; by default where temporary files are (TMPDIR).
   * @throws {FolderError} when it cannot be made.
   */
  static make(prefix: string, dir?: string): LockedFolder {
    for (;;) {
      const path = makeFolder(prefix, dir);
      const lock = lockDirectory(path);
      if (lock >= 0 && isOwn(path)) {
        removeDead(path, prefix);
        return new LockedFolder(path, lock);
      }
      if (lock >= 0) closeFd(lock);
      // Another process may have removed or locked it before this one got the lock.
      else if (lock !== -EAGAIN && lock !== -ENOENT) {
        Deno.removeSync(path);
        throw new FolderError(errorText(-lock).toLowerCase());
      }
    }
  }

  /** Removes it with all that is in it; a second time does nothing. */
  [Symbol.dispose](): void {
    if (this.#lock < 0) return;
    removeQuietly(this.path, true);
    closeFd(this.#lock);
    this.#lock = -1;
  }
}

function makeFolder(prefix: string, dir: string | undefined): string {
  try {
    return Deno.makeTempDirSync({ prefix, ...(dir === undefined ? {} : { dir }) });
  } catch (error) {
    throw new FolderError(systemReason(error));
  }
}

/** Removes what killed processes have left beside `own`. */
function removeDead(own: string, prefix: string): void {
  const parent = directoryOf(own);
  for (const name of namesIn(parent)) {
    const path = `${parent}/${name}`;
    if (!name.startsWith(prefix) || path === own || !isOwn(path)) continue;
    const lock = lockDirectory(path);
    if (lock < 0) continue;
    // Another process may remove it at the same time.
    removeQuietly(path, true);
    closeFd(lock);
  }
}

/** Whether a path is a directory of this user, and not a link: another user may have made that. */
function isOwn(path: string): boolean {
  const file = lstatOf(path);
  return file?.isDirectory === true && file.uid === Deno.uid();
}
