/** Folders for temporary files, of which the next process removes those that killed ones have left. */
import { EAGAIN, ENOENT, errorText } from "../../ffi/libc.ts";
import { closeFd, lockDirectory } from "../../ffi/unix_socket.ts";
import { directoryOf, lstatOf, namesIn, removeQuietly } from "../files.ts";
import { systemReason } from "../wire/system_error.ts";

/** No folder can be made. */
export class FolderError extends Error {
  override readonly name = "FolderError";

  constructor(
    /** What the operating system says. */
    readonly reason: string,
  ) {
    super(`no folder can be made: ${reason}`);
  }
}

/** A folder for this user alone, locked as long as its process lives. A program that this one runs does not keep the lock. */
export class LockedFolder implements Disposable {
  readonly path: string;
  /** Negative when it is removed. */
  #lock: number;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes one, after removing those of this user's dead processes in the same place: all whose names begin with `prefix`, so that
   * no version may ever have made one of that prefix without a lock.
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
      // Another process may have taken it for a dead one's before it was locked.
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
    // Another process may remove it, too.
    removeQuietly(path, true);
    closeFd(lock);
  }
}

/** Whether it is a directory of this user: links of others must lead nowhere. */
function isOwn(path: string): boolean {
  const file = lstatOf(path);
  return file?.isDirectory === true && file.uid === Deno.uid();
}
