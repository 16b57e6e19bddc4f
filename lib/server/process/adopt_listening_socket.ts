import { keepOnExec, setNonblocking } from "../../../ffi/exec.ts";
import { boundPath, checkListening } from "../../../ffi/unix_socket.ts";
import { lstatOf } from "../../files.ts";
import { ListeningSocket } from "./listening_socket.ts";

/**
 * Takes up a socket that listens already, from the process that was here before.
 *
 * @throws {SystemCallError} when it is none.
 */
export function adoptListeningSocket(path: string, fd: number, activated = false): ListeningSocket {
  checkListening(fd);
  setNonblocking(fd, true);
  keepOnExec(fd, false);
  return new ListeningSocket(path, fd, activated);
}

/** The same, if it listens there, behind the file with that number; else null. */
export function adoptListeningSocketAt(
  path: string,
  fd: number,
  inode: number,
): ListeningSocket | null {
  const isThere = boundPath(fd) === path && lstatOf(path)?.ino === inode;
  return isThere ? adoptListeningSocket(path, fd) : null;
}
