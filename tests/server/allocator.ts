/** Prints by how many bytes the C library's heap grows for large buffers: run by allocator_test.ts. With `apart` they are kept apart from it. */
import { keepLargeBuffersApart } from "../../lib/server/process/allocator.ts";

declare const gc: () => void;

const BUFFERS = 64, BUFFER_BYTES = 131_072;

/** Bytes of the heap of the C library, which the kernel names. */
function heapBytes(): number {
  const line = Deno.readTextFileSync("/proc/self/maps").split("\n")
    .find((one) => one.endsWith("[heap]"));
  const [from, to] = /^(\S+)-(\S+) /.exec(line ?? "")?.slice(1) ?? [];
  return parseInt(to ?? "", 16) - parseInt(from ?? "", 16);
}

if (Deno.args[0] === "apart") keepLargeBuffersApart();
// The library does not map buffers that are smaller than one that it has unmapped.
new Uint8Array(8_388_608).fill(1);
for (let i = 0; i < 3; i++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const before = heapBytes();
const buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(BUFFER_BYTES).fill(1));
console.log(heapBytes() - before, buffers.length * BUFFER_BYTES);
