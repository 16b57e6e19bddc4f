import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withDaemon } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseDurationOption } from "../parameters.ts";
import type { TopFlags } from "../top/run.ts";

/** `xs top`. */
export const topCommand: XsCommand = buildCommand<TopFlags, []>({
  func: withDaemon(lazy(async () => (await import("../top/run.ts")).top)),
  parameters: {
    flags: {
      ...commonFlags,
      axis: {
        kind: "enum",
        values: ["domains", "processes", "paths"],
        optional: true,
        brief: "Begin with this axis (default domains)",
      },
      once: switchFlag("Print one table and end"),
      interval: valueFlag(
        "DURATION",
        "Look again after DURATION (default 1s)",
        parseDurationOption,
      ),
    },
  },
  docs: {
    name: "top",
    group: "debug",
    brief: "show who is busy, live",
    description: [
      "Shows once a second what the daemon does, and for whom: requests, events, commits, who makes whose transactions fail, open transactions, watches, queued bytes, quotas. By domain, by process, or by path with * for numbers and UUIDs.",
      "? shows the keys. With --json it prints one object a second, with --once only one.",
    ],
    examples: [
      ["xs top", "watch; a changes the axis, s the order, q quits"],
      ["xs top --once --axis processes", "print who is busy now"],
      ["xs --json top --once", "print the same for a program"],
    ],
  },
});
