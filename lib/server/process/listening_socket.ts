import { isDirectory } from "../../journal/database.ts";
import type { Clock } from "../../clock.ts";
import { EAGAIN, ECONNREFUSED, ENOENT, errorText, SystemCallError } from "../../../ffi/libc.ts";
import { keepOnExec, setNonblocking } from "../../../ffi/exec.ts";
import {
  boundPath,
  checkListening,
  closeFd,
  listenUnix,
  probeUnix,
  shutDown,
} from "../../../ffi/unix_socket.ts";
import { OptionError, systemReason } from "../../wire/system_error.ts";
import { LISTEN_BACKLOG, SOCKET_PATH_BYTES_MAX } from "../../limits.ts";
import { StartRaceLock } from "./start_race_lock.ts";

/** Where Xen's tools look for the daemon. */
const STANDARD_RUN_DIRECTORY = "/var/run/xenstored";

/** What an operator can do where a place cannot be used. */
const ELSEWHERE = "give --socket PATH";

/** A socket that cannot be served, in words for the operator. */
export class SocketError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "SocketError";
  }
}

/** What decides where the socket is. */
export interface Surroundings {
  env(name: string): string | undefined;
  uid(): number | null;
  /** Whether files can be made in the directory, or it can be made itself. */
  canUse(directory: string): boolean;
}

/** This process's surroundings. */
export const surroundings: Surroundings = {
  env: (name) => Deno.env.get(name),
  uid: () => Deno.uid(),
  canUse: (directory) => {
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
      Deno.removeSync(Deno.makeTempFileSync({ dir: directory, prefix: ".xs-" }));
      return true;
    } catch {
      return false;
    }
  },
};

/** Where the socket is to be, and whether that is a way out (see {@link chooseSocketPath}). */
export interface SocketChoice {
  readonly path: string;
  /** Set when the standard place could not be used: it is for this user alone. */
  readonly isFallback: boolean;
  /** What named the place; without it, it is the usual one. */
  readonly named?: "--socket" | "XENSTORED_PATH" | "XENSTORED_RUNDIR";
}

/**
 * Where the daemon's socket is: what was asked for, XENSTORED_PATH, XENSTORED_RUNDIR/socket, the
 * standard place (as libxenstore has it); for users without rights there, a place of their own.
 */
export function chooseSocketPath(asked: string | undefined, around: Surroundings): SocketChoice {
  if (asked !== undefined) return { path: asked, isFallback: false, named: "--socket" };
  const told = around.env("XENSTORED_PATH");
  if (told !== undefined) return { path: told, isFallback: false, named: "XENSTORED_PATH" };
  const runDirectory = around.env("XENSTORED_RUNDIR");
  if (runDirectory !== undefined) {
    return { path: `${runDirectory}/socket`, isFallback: false, named: "XENSTORED_RUNDIR" };
  }
  const uid = around.uid();
  if (uid === 0 || around.canUse(STANDARD_RUN_DIRECTORY)) {
    return { path: `${STANDARD_RUN_DIRECTORY}/socket`, isFallback: false };
  }
  const own = around.env("XDG_RUNTIME_DIR") ?? `/tmp/xs-${uid}`;
  return { path: `${own}/xenstored/socket`, isFallback: true };
}

/** The listening socket at a path, until it is closed. */
export class ListeningSocket {
  readonly path: string;
  readonly fd: number;
  /** Called at the end, before the socket's file goes: for who else has the descriptor. */
  onClose: () => void = () => {};

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /**
   * Listens at `path`, for this user alone. Makes the directory of the usual place (0755; a
   * fallback's own parents 0700), but none that the user named: that may be a slip. Clears away a
   * socket that nobody answers behind.
   *
   * @throws {SocketError} when another daemon answers there, or the place can't be used.
   */
  static async open(choice: SocketChoice, clock: Clock): Promise<ListeningSocket> {
    const { path } = choice;
    if (new TextEncoder().encode(path).length > SOCKET_PATH_BYTES_MAX) {
      throw new SocketError(
        `Cannot listen on '${path}': a socket's path has at most ${SOCKET_PATH_BYTES_MAX} bytes ` +
          "(give a shorter --socket PATH)",
      );
    }
    const directory = directoryOf(path);
    makeDirectory(directory, choice);
    // Held until we listen: of two daemons that start at once, the second finds the first.
    const lock = await lockOf(directory, path, clock);
    try {
      clearStale(path);
      return new ListeningSocket(path, listenPrivately(path));
    } finally {
      lock.release();
    }
  }

  /**
   * Takes up a socket that listens already, from the process that was here before.
   *
   * @throws {SystemCallError} when it is none.
   */
  static inherit(path: string, fd: number): ListeningSocket {
    checkListening(fd);
    setNonblocking(fd, true);
    keepOnExec(fd, false);
    return new ListeningSocket(path, fd);
  }

  /** The same, if it listens there, behind the file with that number; else null. */
  static inheritAt(path: string, fd: number, inode: number): ListeningSocket | null {
    const isThere = boundPath(fd) === path && inodeOf(path) === inode;
    return isThere ? ListeningSocket.inherit(path, fd) : null;
  }

  /** The number of the socket's file: another one may come in its place. */
  get inode(): number {
    return inodeOf(this.path) ?? 0;
  }

  /** Stops listening, and removes the socket's file unless another daemon has put its own there. */
  close(): void {
    // Whoever else has it: nobody gets in any more.
    shutDown(this.fd);
    this.onClose();
    closeFd(this.fd);
    const lock = StartRaceLock.takeNow(directoryOf(this.path), nameOf(this.path));
    // A daemon that starts clears it away itself, and what is there now may be its own.
    if (lock === null) return;
    try {
      if (probeUnix(this.path) === ECONNREFUSED) Deno.removeSync(this.path);
    } catch {
      // Somebody was faster, or the directory is gone: either way it is not there any more.
    } finally {
      lock.release();
    }
  }
}

function inodeOf(path: string): number | null {
  try {
    return Deno.lstatSync(path).ino;
  } catch {
    return null;
  }
}

function directoryOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function makeDirectory(directory: string, { isFallback, named, path }: SocketChoice): void {
  if (named === "--socket" || named === "XENSTORED_PATH") {
    if (isDirectory(directory)) return;
    const hint = "make it, or name another place";
    throw new OptionError(`${named} ${path}`, `there is no directory ${directory} (${hint})`);
  }
  try {
    if (isFallback) makeOwnDirectory(directory.slice(0, directory.lastIndexOf("/")));
    // A run directory that was named is made, as C xenstored does, but nothing above it.
    const recursive = named === undefined;
    if (recursive || !isDirectory(directory)) Deno.mkdirSync(directory, { recursive, mode: 0o755 });
  } catch (error) {
    if (error instanceof SocketError) throw error;
    const why = systemReason(error);
    throw new SocketError(
      `Cannot make the socket's directory '${directory}': ${why} (${ELSEWHERE})`,
    );
  }
}

/** Anybody can make a directory in /tmp: one that is not ours is not to be trusted. */
function makeOwnDirectory(directory: string): void {
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const info = Deno.lstatSync(directory);
  if (info.isDirectory && info.uid === Deno.uid()) return;
  throw new SocketError(
    `Cannot use '${directory}': it belongs to user ${info.uid} (${ELSEWHERE})`,
  );
}

async function lockOf(directory: string, path: string, clock: Clock): Promise<StartRaceLock> {
  try {
    return await StartRaceLock.take(directory, nameOf(path), clock);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SocketError(`Cannot use directory '${directory}': ${why} (${ELSEWHERE})`);
  }
}

function clearStale(path: string): void {
  const code = probeUnix(path);
  if (code === ENOENT) return;
  if (code === 0 || code === EAGAIN) {
    throw new SocketError(
      `Cannot listen on '${path}': another daemon answers there (stop it, or ${ELSEWHERE})`,
    );
  }
  if (code !== ECONNREFUSED) {
    throw new SocketError(`Cannot listen on '${path}': ${plain(errorText(code))} (${ELSEWHERE})`);
  }
  if (!Deno.lstatSync(path).isSocket) {
    throw new SocketError(
      `Cannot listen on '${path}': there is a file that is not a socket (remove it, or ${ELSEWHERE})`,
    );
  }
  Deno.removeSync(path);
}

function listenPrivately(path: string): number {
  const umask = Deno.umask(0o177);
  try {
    return listenUnix(path, LISTEN_BACKLOG);
  } catch (error) {
    throw new SocketError(`Cannot listen on '${path}': ${reasonOf(error)} (${ELSEWHERE})`);
  } finally {
    Deno.umask(umask);
  }
}

/** The system's words as they stand within a line. */
function plain(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Why a call failed, without what it was about: the line names that. */
function reasonOf(error: unknown): string {
  return plain(error instanceof SystemCallError ? errorText(error.code) : systemReason(error));
}
