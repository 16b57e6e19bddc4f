/** Questions to the file system whose callers need no reason for a failure. */

/** The result of `action`; `otherwise` when it fails. */
export function attempt<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/** The file at a path, links followed; null when there is none, or it cannot be read. */
export function statOf(path: string): Deno.FileInfo | null {
  return attempt(() => Deno.statSync(path), null);
}

/** The file or the link at a path; null when there is none, or it cannot be read. */
export function lstatOf(path: string): Deno.FileInfo | null {
  return attempt(() => Deno.lstatSync(path), null);
}

/** Whether a path exists, also as a dangling link. */
export function exists(path: string): boolean {
  return lstatOf(path) !== null;
}

/** Whether a path leads to a regular file. */
export function isFile(path: string): boolean {
  return statOf(path)?.isFile === true;
}

/** Whether a path leads to a directory. */
export function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory === true;
}

/** A file's text; null when it cannot be read. */
export function textOf(path: string): string | null {
  return attempt(() => Deno.readTextFileSync(path), null);
}

/** The names in a directory; an empty list when it cannot be listed. */
export function namesIn(directory: string): string[] {
  return attempt(() => [...Deno.readDirSync(directory)].map(({ name }) => name), []);
}

/** A path with its links resolved; as it is when that fails. */
export function realPath(path: string): string {
  return attempt(() => Deno.realPathSync(path), path);
}

/** An absolute path; a relative one starts at the working directory. */
export function fromRoot(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

/** The directory that a path is in. */
export function directoryOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Removes a file; a missing one is no error.
 *
 * @throws {Error} the runtime's own, for any other failure.
 */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a file, or with `recursive` a directory and all in it; ignores a failure. */
export function removeQuietly(path: string, recursive = false): void {
  attempt(() => Deno.removeSync(path, { recursive }), undefined);
}
