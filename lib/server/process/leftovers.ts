import { closeFd, lockDirectory, lockPlainFile } from "../../../ffi/unix_socket.ts";
import { codeFolderOf } from "../live_update/code_cache.ts";
import { trialFileOf } from "../live_update/state_file.ts";
import type { Log } from "../logging/log.ts";
import type { Clock } from "../../clock.ts";
import { directoryOf, lstatOf, nameOf } from "../../files.ts";
import { STATE_FILE_MS_MAX } from "../../limits.ts";
import { removeDeadParts } from "../../part_file.ts";
import { isSystemError } from "../../wire/system_error.ts";

/** Names of the folders that clients of earlier versions shared with the daemon, and of the files in them. */
const FOLDER = /^xs-archive-[0-9a-zA-Z]+$/;
const FILES: ReadonlySet<string> = new Set(["dump", "stream"]);

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const OTHERS_ANY = 0o077;

/** Where killed processes may have left something. */
export interface LeftoverPlaces {
  readonly socket: string;
  /** Where a live update writes the state. */
  readonly stateFile: string;
  /** The store file; null where there is none. */
  readonly store: string | null;
}

/**
 * Deletes the files of killed processes: beside the socket, copies of the store from interrupted dumps and restores of earlier versions;
 * beside the state file, the state and the compiled code of a live update's trial; beside the store file, that of an interrupted restore.
 * It deletes only files that are private to this user, that no living process has locked or writes, and whose directory no other user can
 * change. A state that nobody has taken over is deleted after a minute.
 */
export function deleteLeftovers(places: LeftoverPlaces, log: Log, clock: Clock): void {
  const { socket, stateFile, store } = places;
  const deleted = (path: string, what: string): void =>
    log("info", `${path}: deleted: an interrupted ${what} had left it`);
  if (store !== null) {
    inPrivateDirectory(store, () => {
      for (const path of removeDeadParts(store)) deleted(path, "restore");
    });
  }
  inPrivateDirectory(socket, (directory) => {
    for (const { isDirectory, name } of [...Deno.readDirSync(directory)]) {
      const path = `${directory}/${name}`;
      if (isDirectory && FOLDER.test(name) && deleteFolder(path)) deleted(path, "dump or restore");
    }
  });
  inPrivateDirectory(stateFile, (directory) => {
    const state = `${directory}/${nameOf(stateFile)}`;
    for (const path of [trialFileOf(state), codeFolderOf(state)]) {
      if (deleteUnlocked(path)) deleted(path, "live update");
    }
    deleteLater(state, clock, () => deleted(state, "live update"));
  });
}

/**
 * Deletes a state that is still there after {@link STATE_FILE_MS_MAX}. A daemon that takes it over removes it; that may be another one
 * whose socket is in the same directory, and C xenstored locks nothing.
 */
function deleteLater(state: string, clock: Clock, deleted: () => void): void {
  const before = lstatOf(state);
  if (before === null) return;
  clock.after(STATE_FILE_MS_MAX, () => {
    const now = lstatOf(state);
    if (now?.ino !== before.ino || now.mtime?.getTime() !== before.mtime?.getTime()) return;
    inPrivateDirectory(state, () => {
      if (deleteUnlocked(state)) deleted();
    });
  }).unref();
}

/** Calls `action` with the real path of a file's directory, if no other user can change its entries. */
function inPrivateDirectory(file: string, action: (directory: string) => void): void {
  try {
    const real = Deno.realPathSync(directoryOf(file));
    const { mode, uid } = Deno.lstatSync(real);
    const isOurs = uid === 0 || uid === Deno.uid();
    const isShared = ((mode ?? 0) & OTHERS_WRITE) !== 0 && ((mode ?? 0) & STICKY) === 0;
    if (isOurs && !isShared) action(real);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // The socket's own error says more about its directory.
  }
}

/** Whether a file is this user's and closed to others; a link never is. */
function isPrivate({ mode, uid }: Deno.FileInfo): boolean {
  return uid === Deno.uid() && ((mode ?? 0) & OTHERS_ANY) === 0;
}

function deleteFolder(path: string): boolean {
  const info = Deno.lstatSync(path);
  if (!info.isDirectory || !isPrivate(info)) return false;
  const names = [...Deno.readDirSync(path)];
  if (!names.every(({ isFile, name }) => isFile && FILES.has(name))) return false;
  for (const { name } of names) Deno.removeSync(`${path}/${name}`);
  Deno.removeSync(path);
  return true;
}

/** Deletes a file or a folder, unless a living process has locked it. */
function deleteUnlocked(path: string): boolean {
  const info = lstatOf(path);
  if (info === null || !(info.isFile || info.isDirectory) || !isPrivate(info)) return false;
  const lock = info.isFile ? lockPlainFile(path) : lockDirectory(path);
  if (lock < 0) return false;
  try {
    Deno.removeSync(path, { recursive: true });
    return true;
  } finally {
    closeFd(lock);
  }
}
