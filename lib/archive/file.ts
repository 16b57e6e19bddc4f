import { ArchiveError, fileError } from "./archive.ts";
import { type Interrupt, InterruptedError } from "./interrupt.ts";

/** Only its owner may read it: a store holds secrets. */
const MODE_NEW = 0o600;
/** What of a replaced file's mode stays: the owner's and the group's rights. */
const MODE_ALLOWED = 0o770;

/** What is there under the name that is to be written. */
interface Place {
  /** The file itself, where the name is a link to it. */
  readonly path: string;
  /** It is a pipe or a device: written to as it is. */
  readonly direct: boolean;
  /** The file that is replaced; null for none. */
  readonly replaced: Deno.FileInfo | null;
}

/**
 * Writes a file as a whole: beside it first, so that nobody ever finds half of it, and a file that was
 * there stays until the new one is on the disk. A pipe or a device is written to as it is. A new file has
 * mode 0600; one that is replaced keeps its owner and mode, but for the rights of others. A link is
 * followed only if this user or root has made it. Returns whether a file was replaced.
 *
 * @throws {ArchiveError} when that is not possible; nothing is left behind then.
 */
export async function writeFile(
  path: string,
  chunks: Iterable<Uint8Array>,
  interrupt: Interrupt,
): Promise<boolean> {
  return await interrupt.defer(async () => {
    let part: string | null = null;
    try {
      const place = placeOf(path);
      if (place.direct) {
        await writeTo(place.path, { write: true }, chunks, interrupt);
        return false;
      }
      const name = `${place.path}.part-${Deno.pid}`;
      const made = { write: true, createNew: true, mode: MODE_NEW };
      Deno.openSync(name, made).close();
      part = name;
      await writeTo(part, { write: true }, chunks, interrupt);
      if (place.replaced !== null) takeOver(part, place.replaced);
      Deno.renameSync(part, place.path);
      return place.replaced !== null;
    } catch (error) {
      if (part !== null) removeQuietly(part);
      if (error instanceof ArchiveError) throw error;
      throw fileError(error, path, "write");
    }
  });
}

async function writeTo(
  path: string,
  options: Deno.OpenOptions,
  chunks: Iterable<Uint8Array>,
  interrupt: Interrupt,
): Promise<void> {
  using file = Deno.openSync(path, options);
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
    if (interrupt.requested) throw new InterruptedError("interrupted: nothing is written", path);
  }
  if (file.statSync().isFile) file.syncSync();
}

function placeOf(path: string): Place {
  const named = statOrNull(() => Deno.lstatSync(path));
  if (named === null) return { path, direct: false, replaced: null };
  if (!named.isSymlink) return placeAt(path, path, named);
  if (named.uid !== 0 && named.uid !== Deno.uid()) {
    throw new ArchiveError("it is a link of another user (name the file itself)", path);
  }
  const target = statOrNull(() => Deno.statSync(path));
  if (target === null) {
    throw new ArchiveError("it is a link to nothing (remove it, or name the file itself)", path);
  }
  return placeAt(path, target.isFile ? Deno.realPathSync(path) : path, target);
}

function placeAt(named: string, path: string, info: Deno.FileInfo): Place {
  if (info.isDirectory) throw new ArchiveError("it is a directory (name a file)", named);
  return info.isFile
    ? { path, direct: false, replaced: info }
    : { path, direct: true, replaced: null };
}

function statOrNull(stat: () => Deno.FileInfo): Deno.FileInfo | null {
  try {
    return stat();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function takeOver(part: string, { gid, mode, uid }: Deno.FileInfo): void {
  // Others than root can't give files away; their own are theirs already.
  if (Deno.uid() === 0) Deno.chownSync(part, uid, gid);
  Deno.chmodSync(part, (mode ?? MODE_NEW) & MODE_ALLOWED);
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It has its name already, or goes with its folder.
  }
}
