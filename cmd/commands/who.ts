import { WHO_ROWS_MAX } from "../../lib/limits.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withDaemon } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseCount, parseDurationOption } from "../parameters.ts";
import { pathParameter } from "../path_parameter.ts";
import type { WhoFlags } from "../who/run.ts";

/** `xs who`. */
export const whoCommand: XsCommand = buildCommand<WhoFlags, [path: string]>({
  func: withDaemon(lazy(async () => (await import("../who/run.ts")).who)),
  parameters: {
    flags: {
      ...commonFlags,
      watchers: switchFlag("Show only the watches"),
      number: valueFlag(
        "COUNT",
        `Show at most COUNT watches (default ${WHO_ROWS_MAX})`,
        parseCount,
      ),
      for: valueFlag(
        "DURATION",
        "Count events for DURATION; 0 counts none (default 1s)",
        parseDurationOption,
      ),
    },
    aliases: { n: "number" },
    positional: { kind: "tuple", parameters: [pathParameter] },
  },
  docs: {
    name: "who",
    group: "debug",
    brief: "show who uses a node",
    description: [
      "Shows the owner of a node, who may read and write it and by which entry of its permissions, and who watches it, a node above it or one below it: process or domain, events a second, bytes that wait to be read, path and token. Where the daemon keeps a history, also who changed the node last.",
      "#24 is the number of a connection: a process may have several.",
    ],
    examples: [
      ["xs who /local/domain/0/backend", "find out who hears of each change there"],
      ["xs --json who --watchers --for 0 /", "print all watches, without counting events"],
    ],
  },
});
