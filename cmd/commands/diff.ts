import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import type { DiffFlags } from "../archive/diff.ts";
import { pointFlag } from "../history/parameters.ts";
import { domidFlag, sourceParameter, SOURCES } from "../archive/parameters.ts";

const optionalSource = { ...sourceParameter, optional: true } as const;

/** `xs diff`. */
export const diffCommand: XsCommand = buildCommand<
  DiffFlags,
  [string?, string?]
>({
  func: withContext(lazy(async () => (await import("../archive/diff.ts")).runDiff)),
  parameters: {
    flags: {
      ...commonFlags,
      at: pointFlag("Compare what was at POINT with SOURCE (default live)"),
      domain: domidFlag,
    },
    positional: { kind: "tuple", parameters: [optionalSource, optionalSource] },
  },
  docs: {
    name: "diff",
    usage: ["SOURCE SOURCE", "--at POINT [SOURCE]"],
    group: "back up",
    brief: "compare two sources",
    description: [
      "Shows what differs between two sources. Exits with status 0 when nothing differs, 1 when something does, 2 for an error.",
      ...SOURCES,
    ],
    examples: [
      ["xs diff store.dump live", "show what has changed since a dump"],
      ["xs diff live@-5m live", "show what has changed in five minutes"],
      ["xs diff --at '#1234'", "show what has changed since a commit"],
      ["xs diff '#1234' '#1240'", "show what the commits between two have changed"],
    ],
  },
});
