import { DOCTOR_SPINNING_SHARE } from "../limits.ts";
import type { SpinningProcess } from "./evidence.ts";

/** The clients of Xenstore that are known to spin. */
const CLIENT = /^xenstore-/;

/** A clock tick of /proc, in ms: USER_HZ is 100 (proc_pid_stat(5)). */
const TICK = 10;

/** What a process had used of processors. */
interface ProcessTime {
  readonly pid: number;
  readonly command: string;
  readonly ms: number;
}

/** The processor time of all Xenstore tools that run here; none where that cannot be read. */
export function processTimes(): ProcessTime[] {
  try {
    return [...Deno.readDirSync("/proc")].flatMap(({ name }) =>
      /^\d+$/.test(name) ? timeOf(name) : []
    );
  } catch {
    return [];
  }
}

function timeOf(pid: string): ProcessTime[] {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const end = stat.lastIndexOf(")"), command = stat.slice(stat.indexOf("(") + 1, end);
    if (!CLIENT.test(command)) return [];
    // Fields 14 and 15; the third one is the first behind the name.
    const fields = stat.slice(end + 2).split(" ").slice(11, 13).map(Number);
    return [{ pid: Number(pid), command, ms: TICK * (fields[0]! + fields[1]!) }];
  } catch {
    // It has ended.
    return [];
  }
}

/** Those that were busy nearly all the time. */
export function spinningBetween(
  before: readonly ProcessTime[],
  after: readonly ProcessTime[],
  ms: number,
): SpinningProcess[] {
  const old = new Map(before.map(({ ms, pid }) => [pid, ms]));
  return after.flatMap(({ command, ms: now, pid }) => {
    const share = (now - (old.get(pid) ?? now)) / ms;
    return share < DOCTOR_SPINNING_SHARE ? [] : [{ pid, command, share }];
  });
}
