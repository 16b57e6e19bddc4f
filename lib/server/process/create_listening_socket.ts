import type { Clock } from "../../clock.ts";
import { EAGAIN, ECONNREFUSED, ENOENT, errorText, SystemCallError } from "../../../ffi/libc.ts";
import { listenUnix, probeUnix } from "../../../ffi/unix_socket.ts";
import { directoryOf, isDirectory, nameOf } from "../../files.ts";
import { LISTEN_BACKLOG, SOCKET_PATH_BYTES_MAX } from "../../limits.ts";
import { OptionError, systemReason } from "../../wire/system_error.ts";
import type { SocketChoice } from "./choose_socket_path.ts";
import { ListeningSocket } from "./listening_socket.ts";
import { StartRaceLock } from "./start_race_lock.ts";

/** What an operator can do where a place cannot be used. */
const ELSEWHERE = "give --socket PATH";

/** A socket that cannot be served, in words for the operator. */
export class SocketError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "SocketError";
  }
}

/**
 * Listens at `path`, for this user alone. Makes the directory of the usual place (0755; a
 * fallback's own parents 0700), but none that the user named: that may be a slip. Clears away a
 * socket that nobody answers behind, unless the place must be new.
 *
 * @throws {SocketError} when another daemon answers there, or the place cannot be used.
 */
export async function createListeningSocket(
  choice: SocketChoice,
  clock: Clock,
): Promise<ListeningSocket> {
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
    if (choice.isNew === true) checkNothingIsAt(path);
    else clearStale(path);
    return new ListeningSocket(path, listenPrivately(path));
  } finally {
    lock.release();
  }
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

/** Anybody can make a directory in /tmp: one that is not ours must not be trusted. */
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

function checkNothingIsAt(path: string): void {
  if (probeUnix(path) === ENOENT) return;
  throw new SocketError(
    `Cannot listen on '${path}': there is a file already (remove it, or ${ELSEWHERE})`,
  );
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
