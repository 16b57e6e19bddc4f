import { libc } from "../ffi/libc.ts";

const CLOCK_THREAD_CPUTIME_ID = 3;

/** `struct timespec` of a 64-bit machine: seconds, nanoseconds. */
const time = new Uint8Array(16);
const words = new Uint32Array(time.buffer);

/** Milliseconds for which this thread has had a processor: other work on the machine does not count. */
export function processorMs(): number {
  libc.time().clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
  return words[0]! * 1_000 + words[2]! / 1_000_000;
}
