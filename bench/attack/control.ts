/** What is measured without any attack: the least that this machine and the rig itself can show. */
import type { Attack } from "../../tests/support/attack/attacks.ts";

/** No attack: the quiet clients alone. */
export const NOBODY: Attack = {
  name: "nobody",
  summary: "no attack, for comparison: what the machine and the measuring itself take",
  guests: 0,
};

/** Processes that do nothing but run, until they are disposed of. */
export class Spinners implements AsyncDisposable {
  readonly #processes: readonly Deno.ChildProcess[];

  constructor(count: number) {
    const command = new Deno.Command("sh", { args: ["-c", "while :; do :; done"] });
    this.#processes = Array.from({ length: count }, () => command.spawn());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) process.kill("SIGKILL");
    for (const process of this.#processes) await process.status;
  }
}
