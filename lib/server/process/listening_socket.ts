import { directoryOf, lstatOf, nameOf } from "../../files.ts";
import { ECONNREFUSED } from "../../../ffi/libc.ts";
import { closeFd, probeUnix, shutDown } from "../../../ffi/unix_socket.ts";
import { StartRaceLock } from "./start_race_lock.ts";

/** The listening socket at a path, until it is closed. */
export class ListeningSocket {
  readonly path: string;
  readonly fd: number;
  /** Called at the end, before the socket's file goes: for who else has the descriptor. */
  onClose: () => void = () => {};

  /**
   * `fd` listens already: `createListeningSocket` and `adoptListeningSocket` make one. An activated one
   * belongs to the service manager: it goes on to listen when we end.
   */
  constructor(path: string, fd: number, readonly activated = false) {
    this.path = path;
    this.fd = fd;
  }

  /** The number of the socket's file: another one may come in its place. */
  get inode(): number {
    return lstatOf(this.path)?.ino ?? 0;
  }

  /** Stops listening, and removes the socket's file unless another daemon has put its own there. */
  close(): void {
    if (this.activated) return closeFd(this.fd);
    // Other processes may have it, too: no client can connect any more.
    shutDown(this.fd);
    this.onClose();
    closeFd(this.fd);
    const lock = StartRaceLock.takeNow(directoryOf(this.path), nameOf(this.path));
    // A daemon that starts clears it away itself, and what is there now may be its own.
    if (lock === null) return;
    try {
      if (probeUnix(this.path) === ECONNREFUSED) Deno.removeSync(this.path);
    } catch {
      // Another process was faster, or the directory is gone: either way it is not there any more.
    } finally {
      lock.release();
    }
  }
}
