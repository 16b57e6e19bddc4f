import { until } from "../support/patience.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { childrenOf } from "../support/supervised.ts";

/** The program of systemd, which a user's manager needs no booted system for. */
const SYSTEMD = "/lib/systemd/systemd";

/** A user's manager of its own, in namespaces of its own, so that the machine does not notice. */
const SCRIPT = `
mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user/systemd/user || exit 1
cp "$1" /run/user/systemd/user/xs-test.service
export XDG_RUNTIME_DIR=/run/user HOME=/run
${SYSTEMD} --user --unit=xs-test.service --log-target=console --log-level=notice
`;

/** systemd with one service, in a folder that stays visible from outside. */
export class SystemdHost implements AsyncDisposable {
  readonly folder: string;
  readonly #scratch: Scratch;
  readonly #child: Deno.ChildProcess;
  #ended = false;

  private constructor(scratch: Scratch, child: Deno.ChildProcess) {
    this.#scratch = scratch;
    this.folder = scratch.path;
    this.#child = child;
    void child.status.then(() => this.#ended = true);
  }

  /** Starts a service, of which `unit` makes the file for the folder that it may use. */
  static async start(unit: (folder: string) => string): Promise<SystemdHost> {
    const scratch = await makeScratch();
    await Deno.writeTextFile(`${scratch.path}/unit`, unit(scratch.path));
    const child = new Deno.Command("unshare", {
      args: ["-mpf", "--mount-proc", "sh", "-c", SCRIPT, "sh", `${scratch.path}/unit`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new SystemdHost(scratch, child);
  }

  /** Why there can be none here; undefined where there can. */
  static async missing(): Promise<string | undefined> {
    const needs = "needs root, unshare and systemd";
    try {
      await Deno.stat(SYSTEMD);
    } catch {
      return needs;
    }
    if (Deno.uid() !== 0) return needs;
    await using host = await SystemdHost.start((folder) =>
      `[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/touch ${folder}/done\n`
    );
    const isDone = (): boolean => exists(`${host.folder}/done`);
    await until("a service", () => isDone() || host.#ended);
    return isDone() ? undefined : "systemd does not start here";
  }

  /** The service's process; null while it has none. */
  get service(): number | null {
    const [shell] = childrenOf(this.#child.pid);
    const [manager] = shell === undefined ? [] : childrenOf(shell);
    const children = manager === undefined ? [] : childrenOf(manager);
    return children.find((pid) => commandLine(pid).includes(" serve ")) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The first process of the namespace takes all others along.
    const [shell] = childrenOf(this.#child.pid);
    if (shell !== undefined) Deno.kill(shell, "SIGKILL");
    await this.#child.status;
    await this.#scratch[Symbol.asyncDispose]();
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return "";
  }
}
