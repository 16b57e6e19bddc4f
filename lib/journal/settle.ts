import { BLOCK_BYTES } from "../limits.ts";

/**
 * Makes sure that the disk has all of a file that a life which was killed has written, where there
 * is one. What is read from a file after a death need not be on the disk: a sync may not have come
 * to it, or may have failed, after which Linux takes the pages for written, and the next one that
 * succeeds says nothing of them. So all is written once more, as it is, before anybody builds on it.
 *
 * @throws {Error} when the disk does not take it.
 */
export function settleFile(path: string): void {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  using _ = file;
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0;;) {
    file.seekSync(at, Deno.SeekMode.Start);
    const count = file.readSync(block) ?? 0;
    if (count === 0) break;
    file.seekSync(at, Deno.SeekMode.Start);
    for (let done = 0; done < count;) done += file.writeSync(block.subarray(done, count));
    at += count;
  }
  file.syncSync();
}

/**
 * Makes sure that the disk has the names of the files beside `path`.
 *
 * @throws {Error} as {@link settleFile}
 */
export function settleNames(path: string): void {
  using folder = Deno.openSync(path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : ".");
  folder.syncSync();
}
