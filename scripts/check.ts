/** One of the checks that make up a test run: a command of `deno`, with its output and its end. */
import { lastBegun } from "./tally.ts";

export interface Check {
  readonly name: string;
  /** Arguments of the running `deno`. */
  readonly args: readonly string[];
  /** Whether it is a `deno test`, or counts as one: its own tests count. */
  readonly tests?: boolean;
  /** Whether others go before it where the processors do not suffice for all. */
  readonly patient?: boolean;
}

export interface Ended {
  readonly output: string;
  readonly success: boolean;
}

/** Where a check's output goes as it comes. */
export type Show = (chunk: Uint8Array) => void;

/** A check that runs. */
export class RunningCheck {
  readonly ended: Promise<Ended>;
  readonly #check: Check;
  readonly #child: Deno.ChildProcess;
  #output = "";

  /** Starts it in `cwd`, with these variables beside those of this process. */
  constructor(check: Check, cwd: string, env: Record<string, string>, show: Show) {
    this.#check = check;
    const [command, ...args] = [
      ...(check.patient === true ? ["nice", "-n", "10"] : []),
      Deno.execPath(),
      ...check.args,
    ];
    this.#child = new Deno.Command(command!, {
      args,
      cwd,
      env,
      stdin: "null",
      stdout: "piped",
      // With all that it starts it can be ended.
      detached: true,
    }).spawn();
    this.ended = this.#follow(show);
  }

  async #follow(show: Show): Promise<Ended> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.#output += decoder.decode(chunk, { stream: true });
      show(chunk);
    }
    const { success } = await this.#child.status;
    return { output: this.#output, success };
  }

  /** Ends it and all that it has started; returns a line that says what it was at. */
  kill(): string {
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const test = lastBegun(this.#output);
    return `${this.#check.name}: ended${test === null ? "" : `, at the test "${test}"`}`;
  }
}

/** Keeps output back until it may be shown, so that two checks' lines do not mingle. */
export class Curtain {
  readonly #pending: Uint8Array[] = [];
  #open = false;

  readonly show: Show = (chunk) => {
    if (this.#open) writeAll(chunk);
    else this.#pending.push(chunk);
  };

  open(): void {
    this.#open = true;
    for (const chunk of this.#pending.splice(0)) writeAll(chunk);
  }
}

export function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
