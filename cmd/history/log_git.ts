/** What `xs log --format git-fast-import` does: loaded when it is called. */
import { exportToGit } from "../../lib/archive/past/git_export.ts";
import { UsageError } from "../report.ts";
import { flush, note } from "../shell.ts";
import type { LookBack } from "./look_back.ts";

/** The options of `xs log` that count here; of all others only whether they are given. */
export interface GitLogFlags {
  readonly since?: string;
  readonly until?: string;
  readonly [name: string]: unknown;
}

/** Options that would leave out a part of what was done: without it, what comes behind it is wrong. */
const PARTIAL = [
  ["domain", "--domain"],
  ["process", "--process"],
  ["op", "--op"],
  ["search", "-S"],
  ["aborted", "--aborted"],
  ["number", "-n"],
  ["reverse", "--reverse"],
  ["follow", "--follow"],
  ["oneline", "--oneline"],
  ["json", "--json"],
] as const;

/** Writes the history to standard output as `git fast-import` takes it; false when a part of it is damaged. */
export async function logToGit(
  past: LookBack,
  flags: GitLogFlags,
  paths: readonly string[],
): Promise<boolean> {
  for (const [name, option] of PARTIAL) {
    if (flags[name] === undefined) continue;
    throw new UsageError("it contradicts --format (leave one of them out)", option);
  }
  const { shell } = past, notes: string[] = [];
  let isWhole = true;
  if (shell.isTerminal("stdout")) {
    const hint = "pipe it to git fast-import in a repository";
    throw new UsageError(`a terminal cannot show bytes (${hint})`, "--format");
  }
  const range = {
    since: past.pointOrNull(flags.since, "--since"),
    until: past.pointOrNull(flags.until, "--until"),
    paths,
  };
  const take = (text: string, isDamage: boolean): void => {
    notes.push(text);
    isWhole &&= !isDamage;
  };
  for await (const piece of exportToGit(await past.source(), range, take)) {
    shell.stdout.write(piece);
  }
  flush(shell.stdout);
  for (const text of notes) note(shell, text);
  return isWhole;
}
