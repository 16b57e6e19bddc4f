/** What `xs history purge` does: loaded when it is called. */
import { daemonOfHistory } from "../../lib/archive/past/daemon_of_history.ts";
import { historyPath } from "../../lib/archive/past/history_source.ts";
import { purgeDaemon } from "../../lib/archive/past/purge.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import type { Status, XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { UsageError } from "../report.ts";
import { type LookBack, lookBack } from "./look_back.ts";
import type { HistoryFlags } from "./parameters.ts";

/** A path from the root, or of a special. */
const ABSOLUTE = /^(?:\/|@[\w-]+|(?:\/[\w@-]+)+)$/;

/** `xs history`, with the word of what is to be done. */
export async function runHistory(
  context: XsContext,
  flags: HistoryFlags,
  ...words: string[]
): Promise<Status> {
  const [action, ...paths] = words;
  if (action !== "purge") throw new UsageError("unknown action (purge is the only one)", action);
  if (paths.length === 0) throw new UsageError("no path is given (xs history purge PATH...)");
  const wrong = paths.find((path) => !ABSOLUTE.test(path));
  if (wrong !== undefined) {
    const hint = "a path from /, of A-Z a-z 0-9 - / _ @, no doubled slash and none at its end";
    throw new UsageError(`invalid path (${hint})`, wrong);
  }
  return await lookBack(context, flags, async (past) => {
    const count = await purgeOf(past, flags, paths);
    const { stdout } = past.shell;
    if (flags.json === true) printJson(stdout, { purged: count, paths: paths.map(textJson) });
    else stdout.write(`${count} value${count === 1 ? " is" : "s are"} taken out of the history\n`);
  });
}

async function purgeOf(
  past: LookBack,
  { store: given }: HistoryFlags,
  paths: readonly string[],
): Promise<number> {
  if (given === undefined) return await purgeDaemon(await past.connect(), paths);
  const store = fromByteText(given);
  const nodes = await daemonOfHistory(historyPath(store), store, past.connect);
  if (nodes !== null) return await purgeDaemon(nodes, paths);
  const { purgeFile } = await import("../../lib/archive/past/purge_file.ts");
  return await purgeFile(store, paths);
}
