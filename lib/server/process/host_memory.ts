import { textOf } from "../../files.ts";
import { MEMORY_DEFAULT_MAX, MEMORY_DEFAULT_MIN, MEMORY_DEFAULT_PART } from "../../limits.ts";

/** Memory that this host, or the control group that we are in, has in all, in bytes. */
export function hostMemory(): number {
  return Math.min(Deno.systemMemoryInfo().total, groupLimit());
}

/** What `--memory` is by default. */
export function defaultMemory(host: number = hostMemory()): number {
  const part = Math.floor(host / MEMORY_DEFAULT_PART);
  return Math.min(MEMORY_DEFAULT_MAX, Math.max(MEMORY_DEFAULT_MIN, part));
}

/** The limit of our control group (version 2); Infinity where there is none. */
function groupLimit(): number {
  const path = /^0::(\/.*)$/m.exec(textOf("/proc/self/cgroup") ?? "")?.[1];
  const text = path === undefined ? "" : textOf(`/sys/fs/cgroup${path}/memory.max`)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : Infinity;
}

/** A heap below this many bytes is far from any limit. */
const HEAP_SMALL = 33_554_432;
/** One below this many is far from V8's own limit on a host that is large enough: a quarter of its memory at least. */
const HEAP_LARGE = 134_217_728;
const HEAP_HOST_PART = 8;
/** Options of V8, in the environment or on a command line, that set the limit. */
const LIMIT_OPTION = /--[a-z_-]*(?:old[-_]space|heap[-_]size)/;

/**
 * Bytes of a heap that is far from its limit, so that this need not be asked for: that takes 15 to 50 ms
 * of a start, since a part of the runtime has to be loaded. `options` are what V8 may have been told.
 */
export function heapLookedFrom(options: string, host: number): number {
  if (LIMIT_OPTION.test(options)) return HEAP_SMALL;
  return Math.max(HEAP_SMALL, Math.min(HEAP_LARGE, Math.floor(host / HEAP_HOST_PART)));
}

/** The part of V8's heap limit, or of the host's memory, that this process uses; the larger one. */
export function memoryShare(): number {
  const { heapUsed, rss } = Deno.memoryUsage();
  host ??= hostMemory();
  lookedFrom ??= heapLookedFrom(givenOptions(), host);
  const heap = heapUsed < lookedFrom ? 0 : heapUsed / (heapLimit ??= askHeapLimit());
  return Math.max(heap, rss / host);
}

let heapLimit: number | undefined;
let host: number | undefined;
let lookedFrom: number | undefined;

function givenOptions(): string {
  return `${Deno.env.get("DENO_V8_FLAGS") ?? ""} ${textOf("/proc/self/cmdline") ?? ""}`;
}

/** The runtime's `process`, as far as it is of use here; an import of it takes 10 ms of each start. */
interface NodeProcess {
  getBuiltinModule(name: "node:v8"): { getHeapStatistics(): { readonly heap_size_limit: number } };
}

/** What V8 counts in its limit for objects that are young; most of it is never in use when it gives up. */
const YOUNG_BYTES = 100_663_296;

function askHeapLimit(): number {
  const { process } = globalThis as { readonly process?: NodeProcess };
  const limit = process?.getBuiltinModule("node:v8").getHeapStatistics().heap_size_limit ??
    Infinity;
  const old = limit - YOUNG_BYTES;
  return old > limit / 4 ? old : limit / 2;
}
