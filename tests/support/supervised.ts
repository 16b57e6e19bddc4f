import { startDaemon } from "./daemon.ts";
import { until } from "./patience.ts";
import type { ServerProcess } from "./process.ts";

/** The process ids of a process's children. */
export function childrenOf(pid: number): number[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    return text.split(" ").filter((word) => word !== "").map(Number);
  } catch {
    return [];
  }
}

/** Whether a process has let go of all it had, even if nobody has taken note of its end. */
export function isDead(pid: number): boolean {
  try {
    // The first thread may be gone while others still have all.
    const threads = [...Deno.readDirSync(`/proc/${pid}/task`)].length;
    return threads <= 1 && Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return true;
  }
}

/** How many descriptors a process has. */
export function descriptorsOf(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** Its own have small numbers. */
const HELD_FROM = 100;

/** How many descriptors a supervisor holds: each client's, the listening socket's, the counts'. */
export function heldBy(supervisor: number): number {
  const folder = `/proc/${supervisor}/fd`;
  const numbers = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return numbers.filter((name) => Number(name) >= HELD_FROM && isHeld(`${folder}/${name}`)).length;
}

function isHeld(path: string): boolean {
  try {
    return /socket:|memfd:/.test(Deno.readLinkSync(path));
  } catch {
    // It was closed since.
    return false;
  }
}

/** `xs serve --supervise`, whose daemon can be killed. */
export class Supervised implements AsyncDisposable {
  readonly #killed = new Set<number>();

  private constructor(readonly server: ServerProcess) {}

  static async start(
    args: readonly string[] = [],
    socket?: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Supervised> {
    const where = socket === undefined ? {} : { socket };
    const options = { args: ["--supervise", ...args], env, ...where };
    return new Supervised(await startDaemon(options));
  }

  get path(): string {
    return this.server.socketPath;
  }

  /** The daemon that runs now; null while there is none. */
  get daemon(): number | null {
    const pid = childrenOf(this.server.pid)[0];
    return pid === undefined || this.#killed.has(pid) ? null : pid;
  }

  /** Waits for a daemon and kills it; returns who that was. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<number> {
    const pid = await until("a daemon", () => this.daemon);
    this.#killed.add(pid);
    Deno.kill(pid, signal);
    return pid;
  }

  /** Kills the daemon and keeps the supervisor from noticing until `meanwhile` is over. */
  async whileDead(meanwhile: () => void | Promise<void>): Promise<void> {
    // Else nobody is left to start it.
    await until("a daemon", () => this.daemon);
    Deno.kill(this.server.pid, "SIGSTOP");
    const pid = await this.kill();
    await until("the daemon's death", () => isDead(pid));
    try {
      await meanwhile();
    } finally {
      Deno.kill(this.server.pid, "SIGCONT");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}
