import type { NodeReader } from "../lib/client/node_reader.ts";
import type { XsContext } from "./context.ts";
import type { AtFlags } from "./history/parameters.ts";

/**
 * A command function that reads: with --at nodes of the past, and so many levels below the paths, null for all; else what
 * `live` does.
 */
export function orPast<F extends AtFlags>(
  live: (this: XsContext, flags: F, ...paths: string[]) => Promise<void>,
  levels: number | null,
  look: (
    context: XsContext,
    nodes: NodeReader,
    flags: F,
    ...paths: string[]
  ) => Promise<void | boolean>,
): (this: XsContext, flags: F, ...paths: string[]) => Promise<void> {
  return async function (this: XsContext, flags: F, ...paths: string[]): Promise<void> {
    if (flags.at === undefined) return await live.call(this, flags, ...paths);
    // Loaded here: what is so now is read without it.
    const { readPast } = await import("./history/at.ts");
    const tops = paths.length === 0 ? ["/"] : paths;
    await readPast(this, flags, tops, levels, (nodes) => look(this, nodes, flags, ...paths));
  };
}
