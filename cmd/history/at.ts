/** What a reading command does with --at: loaded when that is given. */
import { ArchiveError } from "../../lib/archive/archive.ts";
import { PastNodes, unknownLines } from "../../lib/archive/past/past_nodes.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";
import type { Status, XsContext } from "../context.ts";
import { UsageError } from "../report.ts";
import { note } from "../shell.ts";
import { aboutPoint, lookBack } from "./look_back.ts";
import { type AtFlags, isPath } from "./parameters.ts";

/** Looks at nodes of the past as the live command does; `levels` below the paths are needed, null for all. */
export async function readPast(
  context: XsContext,
  flags: AtFlags,
  paths: readonly string[],
  levels: number | null,
  look: (nodes: NodeReader) => Promise<Status>,
): Promise<Status> {
  const wrong = paths.find((path) => !isPath(path));
  if (wrong !== undefined) throw new UsageError("invalid path", wrong);
  return await lookBack(context, flags, async (past) => {
    const at = past.point(flags.at!, "--at");
    const source = await past.source();
    const read = (): Promise<PastNodes> => PastNodes.read(source, at, paths, levels);
    const nodes = await aboutPoint("--at", read);
    try {
      return await look(nodes);
    } catch (error) {
      // What the history does not know, whatever the tool says of it.
      const isUnknown = error instanceof ToolFailure && error.cause instanceof ArchiveError;
      throw isUnknown ? error.cause : error;
    } finally {
      if (levels !== 0) {
        for (const line of unknownLines(nodes.unknowns)) note(context.shell, line);
      }
    }
  });
}
