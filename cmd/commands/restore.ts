import { buildCommand, type Command } from "@stricli/core";
import { commonFlags, type XsContext } from "../context.ts";
import { parseDomid } from "../parameters.ts";
import { UsageError } from "../report.ts";
import type { DomainChoice, RestoreFlags } from "../archive/restore.ts";
import { sourceParameter, SOURCES } from "../archive/parameters.ts";

function parseMapping(input: string): DomainChoice {
  const [from, to = from, ...more] = input.split(":");
  if (more.length > 0) throw new UsageError("invalid domids (N or N:M)");
  return { from: parseDomid(from!), to: parseDomid(to!) };
}

async function restore(this: XsContext, flags: RestoreFlags, source: string): Promise<void> {
  // Loaded here: other clients need none of it.
  const { runRestore } = await import("../archive/restore.ts");
  this.process.exitCode = await runRestore(this, flags, source);
}

/** `xs restore`. */
export const restoreCommand: Command<XsContext> = buildCommand<
  RestoreFlags,
  [string],
  XsContext
>({
  func: restore,
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: "Give up when the daemon does not answer for so long [never]",
      },
      into: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "live|file",
        brief: "Where to: the daemon, or a new store file for xs serve --store",
        proposeCompletions: (partial: string) => "live".startsWith(partial) ? ["live"] : [],
      },
      dryRun: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Check everything and change nothing",
      },
      overQuota: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Even if a domain then has more than its quotas allow",
      },
      domain: {
        kind: "parsed",
        parse: parseMapping,
        optional: true,
        placeholder: "N[:M]",
        brief: "Only what belongs to domain N; as domain M if M is given",
      },
    },
    positional: { kind: "tuple", parameters: [sourceParameter] },
  },
  docs: {
    brief: "Bring a dump back, all of it or nothing",
    fullDescription: [
      "Brings a dump back, all of it or nothing. --into or --dry-run is needed.",
      "Into `live` the nodes of the dump replace the daemon's own, in one moment. Clients stay",
      "connected, and their watches fire. With --domain nothing else is changed.",
      "Into a file it makes a new store. The file must not exist.",
      SOURCES,
    ].join("\n"),
  },
});
