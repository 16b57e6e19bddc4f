import { closeFd, lockDirectory } from "../../ffi/unix_socket.ts";

const PREFIX = "xs-read-";

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

  /** Makes one, after removing those of this user's dead processes. */
  static make(): ReadPlace {
    for (;;) {
      const path = Deno.makeTempDirSync({ prefix: PREFIX });
      const lock = lockDirectory(path);
      // Another process may have taken it for a dead one's before it was locked.
      if (lock >= 0 && isOwn(path)) {
        const place = new ReadPlace(path, lock);
        removeDead(path);
        return place;
      }
      if (lock >= 0) closeFd(lock);
    }
  }

  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
    closeFd(this.#lock);
  }
}

/** Removes what killed processes have left beside `own`. */
function removeDead(own: string): void {
  const parent = own.slice(0, own.lastIndexOf("/"));
  for (const { name } of Deno.readDirSync(parent)) {
    const path = `${parent}/${name}`;
    if (!name.startsWith(PREFIX) || path === own || !isOwn(path)) continue;
    const lock = lockDirectory(path);
    if (lock < 0) continue;
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // Another process removes it, too.
    } finally {
      closeFd(lock);
    }
  }
}

/** Whether it is a directory of this user: links of others must lead nowhere. */
function isOwn(path: string): boolean {
  try {
    const { isDirectory, uid } = Deno.lstatSync(path);
    return isDirectory && uid === Deno.uid();
  } catch {
    return false;
  }
}
