import { errno, libc, SystemCallError } from "./libc.ts";
import { cString, MAP_FAILED, MAP_SHARED, O_CLOEXEC, O_RDWR, PROT_READ_WRITE } from "./linux.ts";
import { closeFd } from "./unix_socket.ts";

/**
 * Maps `length` bytes of a file or device at `offset`, shared, to read and to write.
 *
 * @throws {SystemCallError} naming the file.
 */
export function mapFile(path: string, length: number, offset = 0): Deno.PointerObject {
  const fd = libc.files().open(cString(path), O_RDWR | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError(`open '${path}'`, errno());
  const address = libc.memory().mmap(
    null,
    BigInt(length),
    PROT_READ_WRITE,
    MAP_SHARED,
    fd,
    BigInt(offset),
  );
  const code = errno();
  closeFd(fd);
  if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) {
    throw new SystemCallError(`map '${path}'`, code);
  }
  return address;
}

/** Undoes {@link mapFile}. All views of the memory are dangling from then on. */
export function unmapFile(address: Deno.PointerObject, length: number): void {
  libc.memory().munmap(address, BigInt(length));
}

/** Memory as an array buffer, without a copy. Good only as long as it stays mapped. */
export function viewMemory(address: Deno.PointerObject, length: number): ArrayBuffer {
  return new Deno.UnsafePointerView(address).getArrayBuffer(length);
}
