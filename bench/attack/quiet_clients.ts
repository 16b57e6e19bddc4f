/** The clients that measure what an attack does to others: a process of their own (quiet.c). */
import { buildProgram } from "../build_program.ts";
import { SHARED } from "../../tests/support/attack/attacks.ts";

/** Where they find a daemon. */
export interface Surroundings {
  /** The simulated host's folder. */
  readonly folder: string;
  readonly socket: string;
  /** The quiet guest. */
  readonly domid: number;
}

/** What they have seen. Milliseconds. */
export interface Seen {
  /** How long each request took, by the name of the client, in no order. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  /** Of domain 0's transaction, with the most EAGAINs in a row. */
  readonly ends: number;
  readonly commits: number;
  readonly longestRow: number;
  /** How late they were themselves at most. */
  readonly late: number;
}

let built: Promise<string> | null = null;

/** They ask from the start until {@link end}. */
export class QuietClients {
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
  }

  static async start({ folder, socket, domid }: Surroundings): Promise<QuietClients> {
    const args = [folder, socket, `${domid}`, `/local/domain/${domid}/x`, SHARED];
    const program = await (built ??= buildProgram("attack/quiet.c"));
    const options = { args, stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    return new QuietClients(new Deno.Command(program, options).spawn());
  }

  /** Null when they could not go on because the daemon had disconnected one. */
  async end(): Promise<Seen | null> {
    await this.#process.stdin.close();
    const { success, stdout } = await this.#process.output();
    return success ? parse(new TextDecoder().decode(stdout)) : null;
  }
}

function parse(text: string): Seen {
  const lines = text.trimEnd().split("\n");
  const late = Number(lines.pop()) / 1e3;
  const [ends, commits, longestRow] = lines.pop()!.split(" ").map(Number);
  const times = new Map(lines.map((line) => {
    const [name, rest] = line.split(":");
    return [name!, rest!.trim().split(" ").map((word) => Number(word) / 1e3)];
  }));
  return { times, ends: ends!, commits: commits!, longestRow: longestRow!, late };
}
