import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag } from "../flags.ts";
import type { BlameFlags } from "../history/blame.ts";
import { nodeParameter, pointFlag, POINTS, storeFlag } from "../history/parameters.ts";

/** `xs blame`. */
export const blameCommand: XsCommand = buildCommand<BlameFlags, [string]>({
  func: withContext(lazy(async () => (await import("../history/blame.ts")).runBlame)),
  parameters: {
    flags: {
      ...commonFlags,
      store: storeFlag,
      at: pointFlag("Show who had written what was there at POINT"),
      recursive: switchFlag("Include all nodes below"),
      deleted: switchFlag("Show nodes that were removed, and who removed them"),
    },
    aliases: { r: "recursive" },
    positional: { kind: "tuple", parameters: [nodeParameter] },
  },
  docs: {
    name: "blame",
    group: "debug",
    brief: "show who wrote a value",
    description: [
      "Shows who wrote the value and the permissions that a node has, in which commit, when, and how long ago.",
      "A line that begins with ? is of a node whose last change is not in the history.",
      POINTS,
    ],
    examples: [
      ["xs blame /local/domain/7/control/shutdown", "who wrote it"],
      ["xs blame -r /local/domain/7/device", "who wrote each node there"],
      ["xs blame -r --deleted /local/domain/7", "what is gone, and who removed it"],
    ],
  },
});
