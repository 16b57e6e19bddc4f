import { Interrupt } from "../../lib/archive/interrupt.ts";
import { daemonHistory } from "../../lib/archive/past/history_source.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { wallMs } from "../../lib/clock.ts";
import { collect } from "../../lib/doctor/collect.ts";
import type { Evidence, Finding } from "../../lib/doctor/evidence.ts";
import { applyFix } from "../../lib/doctor/fix.ts";
import { findingsOf } from "../../lib/doctor/rules.ts";
import { type Since, sinceEach, sinceJson, sinceText } from "../../lib/doctor/since.ts";
import { DOCTOR_LOOK_MS } from "../../lib/limits.ts";
import { UnknownStatus } from "../../lib/metrics/read_status.ts";
import { escapeText } from "../../lib/wire/escape.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { Progress } from "../progress.ts";
import { CommandError, OLDER_DAEMON, UsageError } from "../report.ts";
import type { Shell } from "../shell.ts";
import { countEvents } from "../who/count_events.ts";

/** The options of `xs doctor`. */
export interface DoctorFlags extends CommonFlags {
  readonly fix?: boolean;
  readonly yes?: boolean;
  /** In ms. */
  readonly for?: number;
}

/** Prints what is wrong, and fixes what can be fixed; false when something is left. */
export async function doctor(
  { shell }: XsContext,
  nodes: Operations,
  flags: DoctorFlags,
): Promise<boolean> {
  if (flags.yes === true && flags.fix !== true) throw new UsageError("it needs --fix", "--yes");
  const { evidence, findings } = await examine(shell, nodes, flags);
  const { clock, stdout } = shell, history = daemonHistory(nodes);
  const onsets = await sinceEach(findings, history, evidence.before.wallMs);
  let left = 0;
  for (const [i, finding] of findings.entries()) {
    const since = onsets[i]!;
    const result = await fixOf(nodes, finding, flags);
    if (result !== "done") left++;
    if (flags.json === true) printJson(stdout, findingJson(finding, since, result));
    else stdout.write(toByteText(findingText(finding, sinceText(since, wallMs(clock)), result)));
  }
  if (flags.json !== true && findings.length === 0) stdout.write("nothing is wrong\n");
  return left === 0;
}

async function examine(
  shell: Shell,
  nodes: Operations,
  flags: DoctorFlags,
): Promise<{ evidence: Evidence; findings: Finding[] }> {
  const { json: _json, fix: _fix, yes: _yes, for: ms = DOCTOR_LOOK_MS, ...rest } = flags;
  const interrupt = new Interrupt();
  const unlisten = shell.onInterrupt(() => interrupt.request());
  const progress = new Progress(shell.stderr, shell.isTerminal("stderr"), shell.clock);
  try {
    const events = (ms: number): Promise<Map<string, number>> => countEvents(shell, rest, null, ms);
    const collecting = collect({ nodes, progress, interrupt, ms, countEvents: events });
    const evidence = await Promise.race([collecting, interrupt.stopped]);
    progress.clear();
    return { evidence, findings: findingsOf(evidence) };
  } catch (error) {
    const isOld = error instanceof UnknownStatus ||
      error instanceof XenstoreError && error.code === "EINVAL" && error.operation === "control";
    if (!isOld) throw error;
    throw new CommandError(OLDER_DAEMON);
  } finally {
    unlisten();
  }
}

/** What became of a finding: `done`, `would` where it only shows, null where nothing can be done. */
type Result = "done" | "not so any more" | "would" | null;

async function fixOf(nodes: Operations, { fix }: Finding, flags: DoctorFlags): Promise<Result> {
  if (fix === null || flags.fix !== true) return null;
  return flags.yes === true ? await applyFix(nodes, fix) : "would";
}

function findingJson({ onset: _onset, ...finding }: Finding, since: Since, result: Result): object {
  return { ...finding, since: sinceJson(since), result };
}

function findingText(
  { command, fix, object, rule, text }: Finding,
  since: string,
  result: Result,
): string {
  const lines = [`${rule}: ${object}: ${text}`, `  ${since}`];
  if (result === "done") lines.push("  fixed");
  else if (result === "not so any more") lines.push("  nothing done: this is no longer true");
  else if (result === "would") lines.push(`  --yes would ${fixText(fix!.kind, fix!.path)}`);
  else if (command !== null) lines.push(`  ${command}`);
  return lines.map((line) => `${escapeText(line)}\n`).join("");
}

function fixText(kind: string, path: string): string {
  if (kind === "permissions") return `remove the entry from the permissions of ${path}`;
  return `remove ${path}${kind === "remove" ? " and all below it" : ""}`;
}
