import { errno, libc, SystemCallError } from "./libc.ts";
import { cString } from "./linux.ts";

/** More than struct statvfs has (statvfs(3)). */
const STATVFS_BYTES = 256;
const FRAGMENT_BYTES_AT = 8;
const FRAGMENTS_AT = 16;

/**
 * How large the file system is that has `path`, in bytes.
 *
 * @throws {SystemCallError} naming the path.
 */
export function fileSystemBytes(path: string): number {
  const found = new Uint8Array(STATVFS_BYTES);
  const name = cString(path);
  if (libc.fileSystems().statvfs(name, found) < 0) {
    throw new SystemCallError(`look at the file system of '${path}'`, errno());
  }
  const view = new DataView(found.buffer);
  return Number(view.getBigUint64(FRAGMENT_BYTES_AT, true)) *
    Number(view.getBigUint64(FRAGMENTS_AT, true));
}
