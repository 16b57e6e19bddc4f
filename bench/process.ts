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
