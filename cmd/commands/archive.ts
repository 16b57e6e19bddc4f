import { buildCommand, type Command } from "@stricli/core";
import { type CommonFlags, commonFlags, type XsContext } from "../context.ts";
import { parseDomid } from "../parameters.ts";
import { UsageError } from "../report.ts";

/** One domain's part of a stream, and as which domain it is restored. */
export interface DomainChoice {
  readonly from: number;
  readonly to: number;
}

export interface DumpFlags extends CommonFlags {
  readonly output?: string;
  readonly domain?: number;
  readonly format: "stream" | "json" | "text" | "oxenstored-binary";
  readonly endian: "little" | "big";
  readonly version: "1" | "2";
}

export interface RestoreFlags extends CommonFlags {
  readonly into?: string;
  readonly dryRun?: boolean;
  readonly overQuota?: boolean;
  readonly domain?: DomainChoice;
}

export interface DiffFlags extends CommonFlags {
  readonly domain?: number;
}

const SOURCES = [
  "A source is `live` (the daemon), the name of a dump in any format, - (a dump on standard input), or",
  "the name of a store file, also of a daemon that runs or died. After `live` and a store file, @ names a point in its history:",
  "live@-5m, FILE@-1h30m, FILE@2026-01-31T12:00:00 or FILE@turn:1234.",
].join("\n");

const sourceParameter = {
  brief: "live, a dump, a store file, or one of these with @ and a point in its history",
  placeholder: "source",
  parse: String,
  proposeCompletions: (partial: string): string[] => "live".startsWith(partial) ? ["live"] : [],
} as const;

const domidFlag = {
  kind: "parsed",
  parse: parseDomid,
  optional: true,
  placeholder: "domid",
  brief: "Only what belongs to this domain: its nodes, watches and connection",
} as const;

function parseMapping(input: string): DomainChoice {
  const [from, to = from, ...more] = input.split(":");
  if (more.length > 0) throw new UsageError("invalid domids (N or N:M)");
  return { from: parseDomid(from!), to: parseDomid(to!) };
}

async function dump(this: XsContext, flags: DumpFlags, source?: string): Promise<void> {
  // Loaded here: other clients need none of it.
  const { runDump } = await import("../archive.ts");
  this.process.exitCode = await runDump(this, flags, source);
}

/** `xs dump`. */
export const dumpCommand: Command<XsContext> = buildCommand<DumpFlags, [string?], XsContext>({
  func: dump,
  parameters: {
    flags: {
      ...commonFlags,
      json: { ...commonFlags.json, brief: "The same as --format json; errors, too" },
      output: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "Write to this file, all of it or nothing [standard output]",
      },
      domain: domidFlag,
      format: {
        kind: "enum",
        values: ["stream", "json", "text", "oxenstored-binary"],
        default: "stream",
        brief: "Xen's migration stream; JSON lines; for people; oxenstored's binary of 2021",
      },
      endian: {
        kind: "enum",
        values: ["little", "big"],
        default: "little",
        brief: "Byte order of a stream",
      },
      version: {
        kind: "enum",
        values: ["1", "2"],
        default: "2",
        brief: "Version of a stream; Xen before 4.21 reads 1",
      },
    },
    positional: { kind: "tuple", parameters: [{ ...sourceParameter, optional: true }] },
    aliases: { o: "output" },
  },
  docs: {
    brief: "Write the whole store to a file, at one moment",
    fullDescription:
      `Writes the whole store as it is at one moment. The default source is \`live\`.\n${SOURCES}`,
  },
});

async function restore(this: XsContext, flags: RestoreFlags, source: string): Promise<void> {
  const { runRestore } = await import("../archive.ts");
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

async function diff(this: XsContext, flags: DiffFlags, a: string, b: string): Promise<void> {
  const { runDiff } = await import("../archive.ts");
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
