import { EAGAIN, ENOENT, errorText } from "../../../ffi/libc.ts";
import { closeFd, lockPlainFile } from "../../../ffi/unix_socket.ts";
import { lstatOf } from "../../files.ts";

/** Where Xen's daemons keep what is theirs while they run, by default. */
const STANDARD_RUN_DIRECTORY = "/var/run/xenstored";

/** What a state on its way to the next daemon is called (C xenstored's name). */
const NAME = "state_dump";

/** A state that cannot be written or read. */
export class StateFileError extends Error {
  override readonly name = "StateFileError";
}

/** Where C xenstored leaves and looks for the state. */
export function runDirectoryOfC(): string {
  return Deno.env.get("XENSTORED_RUNDIR") ?? STANDARD_RUN_DIRECTORY;
}

/**
 * Where an `xs` that listens at `socket` leaves and looks for the state: where C xenstored does,
 * unless its socket is elsewhere and nothing said that all of it should be.
 */
export function stateFileOf(socket: string): string {
  const runDirectory = Deno.env.get("XENSTORED_RUNDIR");
  if (runDirectory !== undefined) return `${runDirectory}/${NAME}`;
  const slash = socket.lastIndexOf("/");
  return `${slash < 0 ? "." : socket.slice(0, slash)}/${NAME}`;
}

/** Where the state is while the next daemon tries it. */
export function trialFileOf(stateFile: string): string {
  return `${stateFile}.trial`;
}

/** Where C xenstored leaves and looks for it. */
export function stateFileOfC(): string {
  return `${runDirectoryOfC()}/${NAME}`;
}

/**
 * Writes a state for this user alone. One that was left there is removed first, so that nobody else
 * can have a hand in the new one.
 *
 * @throws {StateFileError} when it cannot be written; nothing is left then.
 */
export function writeStateFile(path: string, pieces: readonly Uint8Array[]): void {
  removeStateFile(path);
  try {
    using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += file.writeSync(piece.subarray(at));
    }
  } catch (error) {
    removeStateFile(path);
    throw new StateFileError(`The state cannot be written to ${path}: ${reason(error)}`);
  }
}

/**
 * The same, locked as long as our process lives: a daemon that starts beside us must not take it for a dead one's. Returns the
 * descriptor that holds the lock.
 *
 * @throws {StateFileError} when it cannot be written or locked; nothing is left then.
 */
export function writeLockedStateFile(path: string, pieces: readonly Uint8Array[]): number {
  for (;;) {
    writeStateFile(path, pieces);
    const lock = lockPlainFile(path);
    if (lock >= 0 && lstatOf(path)?.isFile === true) return lock;
    if (lock >= 0) closeFd(lock);
    // Before it was locked it may have been taken for a dead one's.
    else if (lock !== -EAGAIN && lock !== -ENOENT) {
      removeStateFile(path);
      throw new StateFileError(`The state at ${path} cannot be locked: ${errorText(-lock)}`);
    }
  }
}

/**
 * Reads a state that the previous daemon left for us.
 *
 * @throws {StateFileError} when there is none, or one that others may have written.
 */
export function readStateFile(path: string): Uint8Array<ArrayBuffer> {
  try {
    const { isFile, mode, uid } = Deno.lstatSync(path);
    if (!isFile) throw new Error("it is not a regular file");
    if (uid !== Deno.uid()) throw new Error(`it belongs to user ${uid}, not to ${Deno.uid()}`);
    if (((mode ?? 0) & OTHERS_WRITE) !== 0) throw new Error("others may write it");
    return Deno.readFileSync(path);
  } catch (error) {
    throw new StateFileError(`There is no state to take up in ${path}: ${reason(error)}`);
  }
}

const OTHERS_WRITE = 0o022;

/** Removes a state that is not needed any more. */
export function removeStateFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new StateFileError(`${path} cannot be removed: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return errorText(ENOENT);
  return error instanceof Error ? error.message : String(error);
}
