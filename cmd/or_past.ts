import type { NodeReader } from "../lib/client/node_reader.ts";
import { type Print, runTool } from "../lib/client/tools/run.ts";
import {
  type ClientAction,
  type CommandFunction,
  printTo,
  type Status,
  withContext,
  withDaemon,
  type XsContext,
} from "./context.ts";
import type { AtFlags } from "./history/parameters.ts";

/**
 * A command function that reads nodes: with --at those of the past, down to `levels` below the paths (null: all); without it,
 * `live` reads the present ones.
 */
export function orPast<F extends AtFlags>(
  live: ClientAction<F, string[]>,
  levels: number | null,
  look: (context: XsContext, nodes: NodeReader, flags: F, ...paths: string[]) => Promise<Status>,
): CommandFunction<F, string[]> {
  const lookNow = withDaemon(live);
  const lookBack = withContext(async (context: XsContext, flags: F, ...paths: string[]) => {
    // Loaded only here: a look at the present does not need it.
    const { readPast } = await import("./history/at.ts");
    const tops = paths.length === 0 ? ["/"] : paths;
    return await readPast(
      context,
      flags,
      tops,
      levels,
      (nodes) => look(context, nodes, flags, ...paths),
    );
  });
  return async function (this: XsContext, flags: F, ...paths: string[]): Promise<void> {
    await (flags.at === undefined ? lookNow : lookBack).call(this, flags, ...paths);
  };
}

/**
 * A command function that prints something about each path (`levels` 0) or its children (1). If that takes more than one request
 * to a daemon, it reads in one transaction.
 */
export function printsNodes<F extends AtFlags>(
  print: (nodes: NodeReader, write: Print, flags: F, paths: readonly string[]) => Promise<void>,
  levels: 0 | 1,
): CommandFunction<F, string[]> {
  return orPast<F>(
    async (context, nodes, flags, ...paths) => {
      const isLong = levels > 0 || paths.length > 1;
      await runTool(
        nodes,
        (inside, write) => print(inside, write, flags, paths),
        isLong,
        printTo(context),
      );
    },
    levels,
    (context, nodes, flags, ...paths) => print(nodes, printTo(context), flags, paths),
  );
}
