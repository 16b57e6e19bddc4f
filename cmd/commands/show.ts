import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { commitParameter, type HistoryFlags, storeFlag } from "../history/parameters.ts";

/** `xs show`. */
export const showCommand: XsCommand = buildCommand<HistoryFlags, [string]>({
  func: withContext(lazy(async () => (await import("../history/show.ts")).runShow)),
  parameters: {
    flags: { ...commonFlags, store: storeFlag },
    positional: { kind: "tuple", parameters: [commitParameter] },
  },
  docs: {
    name: "show",
    group: "debug",
    brief: "show one commit",
    description: [
      "Shows all of a commit: when, by whom, and each path with what it had (-) and what it got (+).",
      "Of a transaction that was aborted, it shows what the transaction saw, what was there at its end, and the commit that changed it.",
    ],
    examples: [
      ["xs show 1234", "commit #1234, as xs log shows it"],
      ["xs show --json 1234~1", "the commit before it, as JSON"],
    ],
  },
});
