import { systemReason } from "../wire/system_error.ts";
import { ArchiveError } from "./archive.ts";

/**
 * Writes a file as a whole: under another name first, so that nobody ever finds half of it. A pipe or
 * a device is written to as it is. Only its owner may read it: a store holds secrets. `durable`: it
 * is on the disk before it has its name.
 *
 * @throws {ArchiveError} when that is not possible; nothing is left behind then.
 */
export function writeFile(path: string, chunks: Iterable<Uint8Array>, durable = true): void {
  const direct = isSpecialFile(path);
  const part = direct ? path : `${path}.part-${Deno.pid}`;
  try {
    const options = direct ? { write: true } : { write: true, createNew: true, mode: 0o600 };
    using file = Deno.openSync(part, options);
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
    }
    if (direct) return;
    if (durable) file.syncSync();
    Deno.renameSync(part, path);
  } catch (error) {
    if (!direct) removeQuietly(part);
    if (error instanceof ArchiveError) throw error;
    throw new ArchiveError(`cannot write it: ${systemReason(error)}`, path);
  }
}

function isSpecialFile(path: string): boolean {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    if (isDirectory) throw new ArchiveError("it is a directory", path);
    return !isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made.
  }
}
