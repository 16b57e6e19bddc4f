import type { Log } from "../logging/log.ts";
import { isSystemError } from "../../wire/system_error.ts";

/** What clients of earlier versions named the folders that they shared with the daemon, and the files in them. */
const FOLDER = /^xs-archive-[0-9a-zA-Z]+$/;
const FILES: ReadonlySet<string> = new Set(["dump", "stream"]);

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const OTHERS_ANY = 0o077;

/**
 * Deletes what interrupted dumps and restores of earlier versions have left beside the socket: whole
 * copies of the store, often in memory. Only folders of this user that no other may look into, only the files
 * that such a folder has, and nothing where others could put something in its place meanwhile.
 */
export function deleteLeftovers(socket: string, log: Log): void {
  try {
    const real = Deno.realPathSync(socket.slice(0, socket.lastIndexOf("/")) || "/");
    const { mode, uid } = Deno.lstatSync(real);
    const isOurs = uid === 0 || uid === Deno.uid();
    const isShared = ((mode ?? 0) & OTHERS_WRITE) !== 0 && ((mode ?? 0) & STICKY) === 0;
    if (!isOurs || isShared) return;
    for (const { isDirectory, name } of [...Deno.readDirSync(real)]) {
      if (isDirectory && FOLDER.test(name)) deleteFolder(`${real}/${name}`, log);
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // The socket says better what is wrong with its directory.
  }
}

function deleteFolder(path: string, log: Log): void {
  const { isDirectory, mode, uid } = Deno.lstatSync(path);
  if (!isDirectory || uid !== Deno.uid() || ((mode ?? 0) & OTHERS_ANY) !== 0) return;
  const names = [...Deno.readDirSync(path)];
  if (!names.every(({ isFile, name }) => isFile && FILES.has(name))) return;
  for (const { name } of names) Deno.removeSync(`${path}/${name}`);
  Deno.removeSync(path);
  log("info", `${path}: deleted: an interrupted dump or restore had left it`);
}
