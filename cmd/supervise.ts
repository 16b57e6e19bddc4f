import { fromByteText } from "../lib/client/operations.ts";
import type { SuperviseOptions } from "../lib/server/supervision/supervise.ts";
import type { XsContext } from "./context.ts";
import { runtimeArguments } from "./runtime_arguments.ts";

/** The options of `xs serve` that its supervisor needs to know. */
export interface SuperviseFlags extends Omit<SuperviseOptions, "program" | "words" | "clock"> {
  readonly supervise?: boolean;
}

/** Runs the daemon under a supervisor, which is this process, and sets the exit status. */
export async function runSupervised(context: XsContext, flags: SuperviseFlags): Promise<void> {
  const { supervise } = await import("../lib/server/supervision/supervise.ts");
  const { supervise: _, ...options } = flags;
  const { clock } = context.shell;
  const words = ["xs", ...runtimeArguments(), ...context.shell.args.map(fromByteText)];
  context.process.exitCode = await supervise({
    ...options,
    clock,
    program: Deno.execPath(),
    words,
  });
}
