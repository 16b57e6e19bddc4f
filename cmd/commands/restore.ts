import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseDomid } from "../parameters.ts";
import { UsageError } from "../report.ts";
import type { DomainChoice, RestoreFlags } from "../archive/restore.ts";
import { sourceParameter, SOURCES } from "../archive/parameters.ts";

function parseMapping(input: string): DomainChoice {
  const [from, to = from, ...more] = input.split(":");
  if (more.length > 0) throw new UsageError("invalid domids (N or N:M)");
  return { from: parseDomid(from!), to: parseDomid(to!) };
}

/** `xs restore`. */
export const restoreCommand: XsCommand = buildCommand<
  RestoreFlags,
  [string]
>({
  func: withContext(lazy(async () => (await import("../archive/restore.ts")).runRestore)),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: "Give up when the daemon does not answer within DURATION (default never)",
      },
      into: {
        ...valueFlag(
          "live|FILE",
          "Restore into the running daemon, or into a new store file for xs serve --store",
        ),
        proposeCompletions: (partial: string) => "live".startsWith(partial) ? ["live"] : [],
      },
      dryRun: switchFlag("Check everything and change nothing"),
      overQuota: switchFlag("Restore also what exceeds the quotas of a domain"),
      domain: valueFlag(
        "N[:M]",
        "Restore only what belongs to domain N, as domain M if M is given",
        parseMapping,
      ),
    },
    positional: { kind: "tuple", parameters: [sourceParameter] },
  },
  docs: {
    name: "restore",
    group: "back up",
    brief: "bring a dump back",
    description: [
      "Brings a dump back, all of it or nothing. It needs --into or --dry-run.",
      "--into live replaces the daemon's nodes and the quotas of new domains at one moment. Clients stay connected, and their watches fire; each domain keeps its own quotas. With --domain, nothing else changes.",
      "--into FILE makes a new store file, with all quotas. The file must not exist.",
      ...SOURCES,
    ],
    examples: [
      ["xs restore --dry-run store.dump", "check a dump, change nothing"],
      ["xs restore --into live store.dump", "replace the running daemon's store"],
      ["xs restore --into live --domain 7 store.dump", "bring back what belongs to domain 7"],
    ],
  },
});
