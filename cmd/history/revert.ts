/** What `xs revert` does: loaded when it is called. */
import { ArchiveError } from "../../lib/archive/archive.ts";
import { askWhole } from "../../lib/archive/past/history_source.ts";
import {
  ChangedError,
  lastChange,
  planRevert,
  type Revert,
  revert,
} from "../../lib/archive/past/revert.ts";
import { toByteText } from "../../lib/client/operations.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import { changeLines } from "../../lib/history/text.ts";
import type { Status, XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { CommandError } from "../report.ts";
import type { Shell } from "../shell.ts";
import { BEGINNING, lookBack } from "./look_back.ts";
import type { HistoryFlags } from "./parameters.ts";
import { counted } from "../../lib/wire/counted.ts";

/** The options of `xs revert`. */
export interface RevertFlags extends HistoryFlags {
  readonly dryRun?: boolean;
}

/** `xs revert`. */
export async function runRevert(
  context: XsContext,
  flags: RevertFlags,
  commit: string,
): Promise<Status> {
  return await lookBack(context, flags, async (past) => {
    const point = past.point(commit), dryRun = flags.dryRun === true;
    const source = await past.source();
    if (!source.isLive) {
      throw new CommandError("there is no daemon (revert changes the store of a running one)");
    }
    const { answers, head } = await askWhole(source, { kind: "show", point });
    if (head.number === head.begins.number) throw new CommandError(BEGINNING, `#${head.number}`);
    const records = answers.filter((answer) => answer.type === "record");
    const plan = await planRevert(source, records, head.number);
    try {
      await revert(await past.connect(), plan, dryRun);
    } catch (error) {
      if (!(error instanceof ChangedError)) throw error;
      const by = await lastChange(source, error.object);
      throw new ArchiveError(`${error.text}${by}: nothing is reverted`, error.object);
    }
    print(past.shell, flags, plan);
  });
}

function print({ stdout }: Shell, { dryRun = false, json }: RevertFlags, plan: Revert): void {
  const { changes, number } = plan;
  if (json === true) {
    const paths = changes.map(({ path }) => textJson(path));
    return printJson(stdout, { reverted: number, dryRun, paths });
  }
  const count = counted(changes.length, "path");
  stdout.write(`#${number} ${dryRun ? "can be" : "is"} reverted: ${count}\n`);
  for (const change of changes) {
    const back = { ...change, old: change.new, new: change.old };
    for (const line of changeLines(back, LOCAL_ZONE)) stdout.write(toByteText(`${line}\n`));
  }
}
