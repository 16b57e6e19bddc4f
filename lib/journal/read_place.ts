import { EAGAIN, ENOENT, errorText } from "../../ffi/libc.ts";
import { closeFd, lockDirectory } from "../../ffi/unix_socket.ts";
import { lstatOf, namesIn, removeQuietly } from "../files.ts";
import { systemReason } from "../wire/system_error.ts";
import { JournalError } from "./database.ts";

/** Not that of versions which did not lock theirs: those would look like a dead process's. */
const PREFIX = "xs-copy-";

/**
 * A directory for the copy of a store that is read. It is locked as long as its process lives, so
 * that the next one can remove what killed ones have left.
 */
export class ReadPlace {
  readonly path: string;
  readonly #lock: number;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes one, after removing those of this user's dead processes.
   *
   * @throws {JournalError} when it cannot be made.
   */
  static make(): ReadPlace {
    for (;;) {
      const path = makeDirectory();
      const lock = lockDirectory(path);
      if (lock >= 0 && lstatOf(path)?.isDirectory === true) {
        const place = new ReadPlace(path, lock);
        removeDead(path);
        return place;
      }
      if (lock >= 0) closeFd(lock);
      // Another process may have taken it for a dead one's before it was locked.
      else if (lock !== -EAGAIN && lock !== -ENOENT) {
        Deno.removeSync(path);
        throw noPlace(errorText(-lock).toLowerCase());
      }
    }
  }

  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
    closeFd(this.#lock);
  }
}

function makeDirectory(): string {
  try {
    return Deno.makeTempDirSync({ prefix: PREFIX });
  } catch (error) {
    throw noPlace(systemReason(error));
  }
}

function noPlace(reason: string): JournalError {
  return new JournalError(
    `no directory for a copy of the store can be made: ${reason} (TMPDIR names where)`,
  );
}

/** Removes what killed processes have left beside `own`. */
function removeDead(own: string): void {
  const parent = own.slice(0, own.lastIndexOf("/"));
  for (const name of namesIn(parent)) {
    const path = `${parent}/${name}`;
    if (!name.startsWith(PREFIX) || path === own || !isOwn(path)) continue;
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
