import { buildCommand, type Command } from "@stricli/core";
import { commonFlags, type XsContext } from "../context.ts";
import type { DiffFlags } from "../archive/diff.ts";
import { domidFlag, sourceParameter, SOURCES } from "../archive/parameters.ts";

async function diff(this: XsContext, flags: DiffFlags, a: string, b: string): Promise<void> {
  // Loaded here: other clients need none of it.
  const { runDiff } = await import("../archive/diff.ts");
  this.process.exitCode = await runDiff(this, flags, a, b);
}

/** `xs diff`. */
export const diffCommand: Command<XsContext> = buildCommand<
  DiffFlags,
  [string, string],
  XsContext
>({
  func: diff,
  parameters: {
    flags: { ...commonFlags, domain: domidFlag },
    positional: { kind: "tuple", parameters: [sourceParameter, sourceParameter] },
  },
  docs: {
    brief: "Show what differs between two sources",
    fullDescription:
      `Shows what differs between two sources. Exit status 0 when nothing does, 1 when something does,\n` +
      `2 for trouble. To see what has changed since a dump: xs diff FILE live\n${SOURCES}`,
  },
});
