/** Clients that are a process of their own: its pid is the author of what they do. */
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { until } from "../support/patience.ts";

const FORWARDER = new URL("./forwarder.ts", import.meta.url).pathname;

export class ClientProcess implements AsyncDisposable {
  #nodes: Operations | null = null;

  private constructor(
    readonly pid: number,
    readonly socketPath: string,
    private readonly child: Deno.ChildProcess | null,
  ) {}

  /** This process. */
  static own(daemon: string): ClientProcess {
    return new ClientProcess(Deno.pid, daemon, null);
  }

  /** Another one, of a program called `name`. */
  static async start(name: string, at: string, daemon: string): Promise<ClientProcess> {
    const command = 'name=$0; exec -a "$name" "$@"';
    const child = new Deno.Command("bash", {
      args: [
        "-c",
        command,
        name,
        Deno.execPath(),
        "run",
        "-A",
        "--no-check",
        FORWARDER,
        at,
        daemon,
      ],
      stdin: "null",
      stdout: "null",
    }).spawn();
    await until("the forwarder's socket", () => Deno.stat(at).catch(() => null));
    return new ClientProcess(child.pid, at, child);
  }

  /** Of the connection that was made last. */
  get nodes(): Operations {
    return this.#nodes!;
  }

  async connect(): Promise<void> {
    this.#nodes?.session.close();
    this.#nodes = new Operations(new Session(await openStream(this.socketPath), this.socketPath));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#nodes?.session.close();
    this.child?.kill("SIGKILL");
    await this.child?.status;
  }
}
