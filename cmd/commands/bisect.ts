import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { words } from "../flags.ts";
import type { BisectFlags } from "../history/bisect.ts";
import { pointFlag, POINTS, storeFlag } from "../history/parameters.ts";

/** `xs bisect`. */
export const bisectCommand: XsCommand = buildCommand<BisectFlags, string[]>({
  func: withContext(lazy(async () => (await import("../history/bisect.ts")).runBisect)),
  parameters: {
    flags: {
      ...commonFlags,
      store: storeFlag,
      good: pointFlag("A moment at which CMD succeeds"),
      bad: pointFlag("A later moment at which CMD fails (default now)"),
    },
    positional: words("CMD", "Command to run, and its arguments", 1),
  },
  docs: {
    name: "bisect",
    group: "debug",
    brief: "find the first bad commit",
    usage: ["--good POINT [--bad POINT] -- CMD [ARGUMENT]..."],
    description: [
      "Runs CMD on the store as it was at moments between a good and a bad one, halving what is left each time, and shows the first commit after which CMD fails.",
      "Each moment is served on a socket of its own, for reading only. CMD finds it in XENSTORED_PATH, as xs, xenstore-ls and all other clients do, and the number of the commit in XS_COMMIT.",
      "CMD exits with 0 where the store is good, with 125 where it cannot tell, and with any other status below 128 where the store is bad, as for git bisect run.",
      POINTS,
    ],
    examples: [
      [
        "xs bisect --good -1h -- sh -c 'test \"$(xs read /local/domain/7/name)\" = web'",
        "who has renamed the guest within the last hour?",
      ],
      ["xs bisect --good 1200 --bad 1900 -- ./check.sh", "between two commits, with a script"],
    ],
  },
});
