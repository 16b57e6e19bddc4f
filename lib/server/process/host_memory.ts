import { MEMORY_DEFAULT_MAX, MEMORY_DEFAULT_MIN, MEMORY_DEFAULT_PART } from "../../limits.ts";

/** Memory that this host, or the control group that we are in, has in all, in bytes. */
export function hostMemory(): number {
  return Math.min(Deno.systemMemoryInfo().total, groupLimit());
}

/** What `--memory` is unless told. */
export function defaultMemory(host: number = hostMemory()): number {
  const part = Math.floor(host / MEMORY_DEFAULT_PART);
  return Math.min(MEMORY_DEFAULT_MAX, Math.max(MEMORY_DEFAULT_MIN, part));
}

/** The limit of our control group (version 2); Infinity where there is none. */
function groupLimit(): number {
  const path = /^0::(\/.*)$/m.exec(textOf("/proc/self/cgroup"))?.[1];
  const text = path === undefined ? "" : textOf(`/sys/fs/cgroup${path}/memory.max`).trim();
  return /^\d+$/.test(text) ? Number(text) : Infinity;
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
