/** What `xs restore` does: loaded when it is called. */
import { restoreArchive, type RestoreResult } from "../../lib/archive/restore.ts";
import { fromByteText, toByteText } from "../../lib/client/operations.ts";
import { counted } from "../../lib/wire/counted.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { UsageError } from "../report.ts";
import { readable, type Shell } from "../shell.ts";
import { withSources } from "./sources.ts";

/** One domain's part of a stream, and as which domain it is restored. */
export interface DomainChoice {
  readonly from: number;
  readonly to: number;
}

/** The options of `xs restore`. */
export interface RestoreFlags extends CommonFlags {
  readonly into?: string;
  readonly dryRun?: boolean;
  readonly overQuota?: boolean;
  readonly domain?: DomainChoice;
}

/** The nouns of a report's counts, by their names. */
const NOUNS: Readonly<Record<string, string>> = {
  nodes: "node",
  specials: "special",
  domains: "domain",
  watches: "watch",
  transactions: "transaction",
};

/** `xs restore`; returns the exit status. */
export function runRestore(
  { shell }: XsContext,
  flags: RestoreFlags,
  name: string,
): Promise<number> {
  return withSources(shell, flags, async (sources) => {
    const dryRun = flags.dryRun === true;
    if (flags.into === undefined && !dryRun) {
      throw new UsageError(
        "--into is missing (--into live, or --into FILE for a new store; --dry-run only checks)",
      );
    }
    const into = flags.into === undefined
      ? null
      : flags.into === "live"
      ? { kind: "live" } as const
      : { kind: "store", path: fromByteText(flags.into) } as const;
    const mapping = flags.domain ?? null;
    if (mapping !== null && into?.kind === "store") {
      throw new UsageError("it needs --into live", "--domain");
    }
    const archive = await sources.read(sources.parse(name), null);
    const { connect, interrupt, progress } = sources;
    const request = { into, dryRun, mapping, overQuota: flags.overQuota === true };
    const result = await restoreArchive(archive, request, connect, progress, interrupt);
    sources.note(archive.notes);
    printResult(shell, result, flags, name);
    return 0;
  }, Infinity);
}

function printResult(
  { stdout }: Shell,
  { counts, leftOut }: RestoreResult,
  { dryRun = false, into, json }: RestoreFlags,
  name: string,
): void {
  if (json === true) {
    const target = into === undefined ? null : textJson(into);
    return printJson(stdout, { from: textJson(name), into: target, dryRun, ...counts, leftOut });
  }
  const what = Object.entries(counts).map(([name, count]) => {
    const noun = NOUNS[name];
    return noun === undefined ? `${count} ${name}` : counted(count, noun);
  }).join(", ");
  const done = dryRun ? "can be restored" : `restored into ${into}`;
  stdout.write(`${name}: ${done}: ${what}\n`);
  for (const line of leftOut) stdout.write(`left out: ${readable(toByteText(line))}\n`);
}
