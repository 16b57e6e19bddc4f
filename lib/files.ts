/** Questions to the file system of which it does not matter why they have no answer. */

/** What `action` gives; `otherwise` where the system refuses it. */
export function attempt<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/** What is at a path, or where a link there leads; null for nothing. */
export function statOf(path: string): Deno.FileInfo | null {
  return attempt(() => Deno.statSync(path), null);
}

/** What is at a path itself; null for nothing. */
export function lstatOf(path: string): Deno.FileInfo | null {
  return attempt(() => Deno.lstatSync(path), null);
}

/** Whether there is anything of that name, a dangling link included. */
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

/** The names in a directory; none of one that cannot be listed. */
export function namesIn(directory: string): string[] {
  return attempt(() => [...Deno.readDirSync(directory)].map(({ name }) => name), []);
}

/** A path without links, where it leads somewhere. */
export function realPath(path: string): string {
  return attempt(() => Deno.realPathSync(path), path);
}

/** A path from the root: of a relative one, from the working directory. */
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
 * Removes a file unless it is gone.
 *
 * @throws {Error} the runtime's own.
 */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a file, or with `recursive` a directory and all in it, if that can be done. */
export function removeQuietly(path: string, recursive = false): void {
  attempt(() => Deno.removeSync(path, { recursive }), undefined);
}
