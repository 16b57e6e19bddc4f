import { errno, libc, SystemCallError } from "./libc.ts";
import { cString, MAP_FAILED, MAP_SHARED, PROT_READ_WRITE } from "./linux.ts";

const MFD_CLOEXEC = 1;
const SEEK_END = 2;
const MAP_POPULATE = 0x8000;

/**
 * A file in memory that lives as long as a process has a descriptor or a mapping of it. `name` is
 * for those who look into /proc.
 *
 * @throws {SystemCallError} when the kernel gives none.
 */
export function createMemoryFile(name: string): number {
  const fd = libc.memoryFiles().memfd_create(cString(name), MFD_CLOEXEC);
  if (fd < 0) throw new SystemCallError("memfd_create", errno());
  return fd;
}

/** Bytes of a file, by its descriptor; 0 of what is no file. */
export function fileSize(fd: number): number {
  return Math.max(0, Number(libc.files().lseek(fd, 0n, SEEK_END)));
}

/**
 * Makes the file `length` bytes longer, all of them backed by memory from now on: what is mapped
 * of a file that has no memory left kills the process (SIGBUS). Returns 0, or the error number.
 */
export function growFile(fd: number, offset: number, length: number): number {
  return libc.files().fallocate(fd, 0, BigInt(offset), BigInt(length)) < 0 ? errno() : 0;
}

/**
 * Maps a part of a file, shared, present and, where that is allowed, locked in memory.
 *
 * @throws {SystemCallError} when it cannot be mapped.
 */
export function mapDescriptor(fd: number, offset: number, length: number): Deno.PointerObject {
  const flags = MAP_SHARED | MAP_POPULATE;
  const size = BigInt(length);
  const address = libc.memory().mmap(null, size, PROT_READ_WRITE, flags, fd, BigInt(offset));
  if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) {
    throw new SystemCallError("map a file in memory", errno());
  }
  libc.memoryFiles().mlock(address, size);
  return address;
}
