import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { commitParameter } from "../history/parameters.ts";
import type { RevertFlags } from "../history/revert.ts";

/** `xs revert`. */
export const revertCommand: XsCommand = buildCommand<Omit<RevertFlags, "store">, [string]>({
  func: withContext(lazy(async () => (await import("../history/revert.ts")).runRevert)),
  parameters: {
    flags: {
      ...commonFlags,
      dryRun: switchFlag("Only check whether it can be done"),
    },
    positional: { kind: "tuple", parameters: [commitParameter] },
  },
  docs: {
    name: "revert",
    group: "debug",
    brief: "undo one commit",
    description: [
      "Undoes one commit, in one transaction: each path gets back the value and the permissions that it had before, or is removed or made again. Where something is not as the commit left it, xs revert says which path changed since and by whom, and does nothing.",
      "A commit with values that the history hides, or has left out as too many, cannot be undone.",
    ],
    examples: [
      ["xs revert --dry-run 1234", "see what would be undone"],
      ["xs revert 1234", "undo commit #1234"],
    ],
  },
});
