/** What `xs diff` does: loaded when it is called. */
import { diffArchives } from "../../lib/archive/diff.ts";
import { differenceJson, differenceLines } from "../../lib/archive/diff_text.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { StatusError, UsageError } from "../report.ts";
import { withSources } from "./sources.ts";

/** The options of `xs diff`. */
export interface DiffFlags extends CommonFlags {
  readonly domain?: number;
  readonly at?: string;
}

/** The two sources, and with --at the point of which the first one is. */
function operands(
  { at }: DiffFlags,
  left: string | undefined,
  right: string | undefined,
): [before: string, after: string, at?: string] {
  if (at !== undefined) {
    if (right !== undefined) throw new UsageError("it needs one source at most", "--at");
    return ["live", left ?? "live", at];
  }
  if (left === undefined || right === undefined) {
    throw new UsageError("SOURCE is missing (name two, or --at POINT)");
  }
  return [left, right];
}

/** `xs diff`; returns the exit status: 0 same, 1 different, 2 trouble. */
export function runDiff(
  { shell }: XsContext,
  flags: DiffFlags,
  left: string | undefined,
  right: string | undefined,
): Promise<number> {
  const [before, after, at] = operands(flags, left, right);
  const differences = withSources(shell, flags, async (sources) => {
    const domid = flags.domain ?? null;
    const [from, to] = [sources.parse(before, at), sources.parse(after)];
    const a = await sources.read(from, domid), b = await sources.read(to, domid);
    const found = diffArchives(a, b);
    sources.note([...a.notes, ...b.notes]);
    if (a.nodesOnly || b.nodesOnly) sources.note(["only nodes are compared"]);
    sources.progress.clear();
    const colour = shell.isTerminal("stdout") && (shell.around.env("NO_COLOR") ?? "") === "";
    for (const difference of found) {
      if (flags.json === true) printJson(shell.stdout, differenceJson(difference));
      else {
        for (const line of differenceLines(difference, colour)) shell.stdout.write(`${line}\n`);
      }
    }
    return found.length === 0 ? 0 : 1;
  });
  // 1 says that something differs.
  return differences.catch((error) => {
    throw error instanceof StatusError ? error : new StatusError(error, 2);
  });
}
