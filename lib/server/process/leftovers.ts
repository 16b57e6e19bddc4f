import { closeFd, lockDirectory, lockPlainFile } from "../../../ffi/unix_socket.ts";
import { codeFolderOf } from "../live_update/code_cache.ts";
import { trialFileOf } from "../live_update/state_file.ts";
import type { Log } from "../logging/log.ts";
import { directoryOf, lstatOf, nameOf } from "../../files.ts";
import { isSystemError } from "../../wire/system_error.ts";

/** What clients of earlier versions named the folders that they shared with the daemon, and the files in them. */
const FOLDER = /^xs-archive-[0-9a-zA-Z]+$/;
const FILES: ReadonlySet<string> = new Set(["dump", "stream"]);

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const OTHERS_ANY = 0o077;

/**
 * Deletes what processes that were killed have left: beside the socket, whole copies of the store of interrupted dumps and restores of
 * earlier versions; where a live update has its state, `stateFile`, that of a trial, with compiled code. Only what this user alone
 * may look into and no living process has locked, only the files that such a folder has, and nothing where others could put
 * something in its place meanwhile.
 */
export function deleteLeftovers(socket: string, stateFile: string, log: Log): void {
  const deleted = (path: string, what: string): void =>
    log("info", `${path}: deleted: an interrupted ${what} had left it`);
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
  });
}

/** Does something in the directory of a file, by its real name, if no other user can change what is in it. */
function inPrivateDirectory(file: string, action: (directory: string) => void): void {
  try {
    const real = Deno.realPathSync(directoryOf(file));
    const { mode, uid } = Deno.lstatSync(real);
    const isOurs = uid === 0 || uid === Deno.uid();
    const isShared = ((mode ?? 0) & OTHERS_WRITE) !== 0 && ((mode ?? 0) & STICKY) === 0;
    if (isOurs && !isShared) action(real);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // The socket says better what is wrong with its directory.
  }
}

/** Whether only this user may look into it; a link is never so. */
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

/** Deletes a file or a folder that its process locks as long as it lives. */
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
