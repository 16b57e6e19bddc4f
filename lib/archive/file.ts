import { removeQuietly } from "../files.ts";
import { WRITE_BUFFER_BYTES } from "../limits.ts";
import { partPathOf } from "../part_file.ts";
import { ArchiveError, fileError, usingFile } from "./archive.ts";
import { type Interrupt, InterruptedError } from "./interrupt.ts";

/** Only its owner may read it: a store holds secrets. */
const MODE_NEW = 0o600;
/** What of a replaced file's mode stays: the owner's and the group's rights. */
const MODE_ALLOWED = 0o770;

/** What is there under the name that must be written. */
interface Place {
  /** The file itself, where the name is a link to it. */
  readonly path: string;
  /** It is a pipe or a device: written to as it is. */
  readonly direct: boolean;
  /** The file that is replaced; null for none. */
  readonly replaced: Deno.FileInfo | null;
}

/** Takes the bytes of a file. */
export interface ByteSink {
  /** Settles when the bytes are taken: they may be changed from then on. */
  put(bytes: Uint8Array): Promise<void>;
  /** Drops all that it was given, for bytes that begin again; false where that cannot be undone. */
  restart(): boolean;
}

/**
 * Writes a file as a whole: beside it first, so that nobody ever finds half of it, and a file that was
 * there stays until the new one is on the disk. A pipe or a device is written to as it is. A new file has
 * mode 0600; one that is replaced keeps its owner and mode, but for the rights of others. A link is
 * followed only if this user or root has made it. Returns whether a file was replaced.
 *
 * @param fill gives the bytes, piece by piece; none of them stay in memory. What it throws ends the work.
 * @throws {ArchiveError} when that is not possible; nothing is left behind then.
 */
export async function writeFile(
  path: string,
  fill: (sink: ByteSink) => Promise<void>,
  interrupt: Interrupt,
): Promise<boolean> {
  return await interrupt.defer(async () => {
    const writing = <T>(action: () => T): T => usingFile(path, "write", action);
    const { direct, path: target, replaced } = writing(() => placeOf(path));
    if (direct) {
      await writeTo(target, path, fill);
      return false;
    }
    const part = partPathOf(target);
    writing(() => Deno.openSync(part, { write: true, createNew: true, mode: MODE_NEW }).close());
    try {
      await writeTo(part, path, fill);
      writing(() => {
        if (replaced !== null) takeOver(part, replaced);
        Deno.renameSync(part, target);
      });
      return replaced !== null;
    } catch (error) {
      removeQuietly(part);
      throw error;
    }
  });
}

/** Gives a file all chunks, unless the user interrupts that. */
export function fillWith(
  chunks: Iterable<Uint8Array>,
  path: string,
  interrupt: Interrupt,
): (sink: ByteSink) => Promise<void> {
  return async (sink) => {
    for (const chunk of chunks) {
      await sink.put(chunk);
      if (interrupt.requested) throw new InterruptedError("interrupted: nothing is written", path);
    }
  };
}

async function writeTo(
  path: string,
  name: string,
  fill: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  using file = usingFile(name, "write", () => Deno.openSync(path, { write: true }));
  const sink = new FileSink(file, name);
  await fill(sink);
  await sink.end();
}

/** Gathers small pieces: each write takes longer than a reply of a daemon. */
class FileSink implements ByteSink {
  readonly #file: Deno.FsFile;
  readonly #name: string;
  readonly #buffer = new Uint8Array(WRITE_BUFFER_BYTES);
  #filled = 0;
  #written = 0;

  constructor(file: Deno.FsFile, name: string) {
    this.#file = file;
    this.#name = name;
  }

  async put(bytes: Uint8Array): Promise<void> {
    if (this.#filled + bytes.length > this.#buffer.length) await this.#flush();
    if (bytes.length > this.#buffer.length) return await this.#write(bytes);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  restart(): boolean {
    this.#filled = 0;
    if (this.#written === 0) return true;
    const file = this.#file;
    return usingFile(this.#name, "write", () => {
      if (!file.statSync().isFile) return false;
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      this.#written = 0;
      return true;
    });
  }

  /** All is in the file, and that on the disk. */
  async end(): Promise<void> {
    await this.#flush();
    usingFile(this.#name, "write", () => {
      if (this.#file.statSync().isFile) this.#file.syncSync();
    });
  }

  async #flush(): Promise<void> {
    await this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      throw fileError(error, this.#name, "write");
    }
    this.#written += bytes.length;
  }
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
  // Others than root cannot give files away; their own are theirs already.
  if (Deno.uid() === 0) Deno.chownSync(part, uid, gid);
  Deno.chmodSync(part, (mode ?? MODE_NEW) & MODE_ALLOWED);
}
