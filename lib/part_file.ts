/** Files that are written beside their place, and take it when they are whole. */
import { directoryOf, lstatOf, nameOf, namesIn, removeQuietly, textOf } from "./files.ts";

/**
 * What follows the path of the file: the pid and the start time of the process that writes it, and what a store file has beside it.
 * Earlier versions wrote no start time.
 */
const PART = /^\.part-([1-9]\d*)(?:-(\d+))?(?:-wal|-shm|-journal|\.tail|\.tail\.part|\.reserve)?$/;

const OTHERS_ANY = 0o077;

/** Field 22 of a line of /proc/PID/stat, whose second one may hold anything but is in parentheses. */
export function startTimeIn(stat: string): number | null {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const text = fields[22 - 3] ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** When a process has started, in clock ticks since the boot; null when there is none, or that cannot be read. */
function startTimeOf(pid: number | "self"): number | null {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat === null ? null : startTimeIn(stat);
}

/**
 * Returns where to write the file at `path` until it is whole: a name that tells which process writes it. It removes what
 * killed processes of this user have left for the same file.
 */
export function partPathOf(path: string): string {
  removeDeadParts(path);
  return `${path}.part-${Deno.pid}-${startTimeOf("self") ?? 0}`;
}

/**
 * Removes what processes that have ended have left of the file at `path`, and returns what was removed. Files of other users, links, and
 * files of a process that lives stay; so do all where /proc does not tell of this pid namespace.
 */
export function removeDeadParts(path: string): string[] {
  const own = startTimeOf("self"), directory = directoryOf(path), base = nameOf(path);
  if (own === null || startTimeOf(Deno.pid) !== own) return [];
  return namesIn(directory).flatMap((name) => {
    if (!name.startsWith(base)) return [];
    const [, pid, start] = PART.exec(name.slice(base.length)) ?? [];
    if (pid === undefined || isAlive(pid, start)) return [];
    const part = `${directory}/${name}`, file = lstatOf(part);
    if (file?.isFile !== true || file.uid !== Deno.uid()) return [];
    // Without a start time it may be a part that a user has made, as `split` does, unless it is closed to others as ours were.
    if (start === undefined && ((file.mode ?? 0) & OTHERS_ANY) !== 0) return [];
    removeQuietly(part);
    return [part];
  });
}

function isAlive(pid: string, start: string | undefined): boolean {
  const now = startTimeOf(Number(pid));
  return now !== null && (start === undefined || now === Number(start));
}
