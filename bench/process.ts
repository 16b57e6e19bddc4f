/** Where processes run, what they take. */

const PAGE_BYTES = 4096;

/** The daemons' core and the load's. */
const DAEMON_CPU = "0";
export const LOAD_CPU = navigator.hardwareConcurrency > 1 ? "1" : "0";

/** Binds all threads of a daemon to its core. */
export async function pin(pid: number): Promise<void> {
  const { success, stderr } = await new Deno.Command("taskset", {
    args: ["--all-tasks", "--cpu-list", "--pid", DAEMON_CPU, `${pid}`],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`taskset: ${new TextDecoder().decode(stderr)}`);
}

/** Clock ticks in a second, in which the kernel counts (proc_pid_stat(5)). */
const TICKS = 100;

/** The processor time that a process has taken, its own and the kernel's for it. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // Behind the name, which may have blanks in it; the 14th and 15th fields of all.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** What a process has in memory now. */
export async function residentBytes(pid: number): Promise<number> {
  const statm = await Deno.readTextFile(`/proc/${pid}/statm`);
  return Number(statm.split(" ")[1]) * PAGE_BYTES;
}

/** How long `xs read` takes from start to exit, in ms, again and again. */
export async function timeReads(binary: string, socket: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const { success, stderr } = await new Deno.Command(binary, {
      args: ["--socket", socket, "read", "/tool/xenstored"],
    }).output();
    if (!success) throw new Error(`xs read: ${new TextDecoder().decode(stderr)}`);
    times.push(performance.now() - began);
  }
  return times;
}
