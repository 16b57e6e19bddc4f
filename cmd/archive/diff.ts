/** What `xs diff` does: loaded when it is called. */
import { diffArchives } from "../../lib/archive/diff.ts";
import { differenceJson, differenceLines } from "../../lib/archive/diff_text.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { StatusError } from "../report.ts";
import { withSources } from "./sources.ts";

/** The options of `xs diff`. */
export interface DiffFlags extends CommonFlags {
  readonly domain?: number;
}

/** `xs diff`; returns the exit status: 0 same, 1 different, 2 trouble. */
export function runDiff(
  { shell }: XsContext,
  flags: DiffFlags,
  left: string,
  right: string,
): Promise<number> {
  const differences = withSources(shell, flags, async (sources) => {
    const domid = flags.domain ?? null;
    const [from, to] = [sources.parse(left), sources.parse(right)];
    const before = await sources.read(from, domid);
    const after = await sources.read(to, domid);
    const found = diffArchives(before, after);
    sources.note([...before.notes, ...after.notes]);
    if (before.nodesOnly || after.nodesOnly) sources.note(["only nodes are compared"]);
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
