import { libc } from "../../../ffi/libc.ts";
import { HEAP_END_SPARE_BYTES, MAPPED_BYTES_MIN } from "../../limits.ts";

/** mallopt(3). */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;

/** Has the C library keep large buffers apart from the values of nodes, for all of the process. */
export function keepLargeBuffersApart(): void {
  const { mallopt } = libc.allocator();
  mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
  mallopt(M_TRIM_THRESHOLD, HEAP_END_SPARE_BYTES);
}
