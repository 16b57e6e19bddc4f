/**
 * Who runs where. On a real host guests have processors of their own, so what plays them, and what measures, keeps to one
 * processor, and the daemon goes before it there.
 */

/** How much better the daemon's priority is than ours, in steps of nice(2). */
const STEPS = 10;

/** The processors that we may use, and the last of them: lists as taskset(1) takes them. */
const ALL = allowed();
const OURS = /\d+$/.exec(ALL)![0];

function allowed(): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]!;
}

/** Gives a daemon that this process has started its processors and its priority. */
export async function shareProcessors(daemonPid: number): Promise<void> {
  await run("taskset", ["--all-tasks", "--cpu-list", "--pid", ALL, `${daemonPid}`]);
  await run("taskset", ["--all-tasks", "--cpu-list", "--pid", OURS, `${Deno.pid}`]);
  const threads = await threadsOf(daemonPid);
  const nice = Math.max(-20, await niceOf(Deno.pid) - STEPS);
  if (!await run("renice", ["-n", `${nice}`, "-p", ...threads])) {
    console.error("attack: no right to a better priority for the daemon (run as root)");
  }
}

async function run(command: string, args: readonly string[]): Promise<boolean> {
  const options: Deno.CommandOptions = { args: [...args], stdout: "null", stderr: "null" };
  return (await new Deno.Command(command, options).output()).success;
}

async function threadsOf(pid: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) names.push(name);
  return names;
}

/** The 19th field of all, the 17th behind the name, which may have blanks in it (proc_pid_stat(5)). */
async function niceOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}
