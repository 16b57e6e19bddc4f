import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { isMissing, orNull } from "../../lib/client/error.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { existsTool } from "../../lib/client/tools/values.ts";
import { commonFlags, type SocketOnly, socketOnlyFlag, type XsContext } from "../context.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { orPast } from "../or_past.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";
import { StatusError } from "../report.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";

interface ExistsFlags extends AtFlags, SocketOnly {}

async function exists(
  context: XsContext,
  nodes: Operations,
  flags: ExistsFlags,
  ...paths: string[]
): Promise<boolean> {
  if (flags.json) return await existsAsJson(context, nodes, paths);
  return await isThere(() => runTool(nodes, (nodes) => existsTool(nodes, paths), true, () => {}));
}

async function existsPast(
  context: XsContext,
  nodes: NodeReader,
  flags: ExistsFlags,
  ...paths: string[]
): Promise<boolean> {
  try {
    if (flags.json) return await existsAsJson(context, nodes, paths);
    return await isThere(() => existsTool(nodes, paths));
  } catch (error) {
    // 1 says that there was none.
    throw new StatusError(error instanceof ToolFailure ? error.cause : error, 2);
  }
}

async function isThere(look: () => Promise<void>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (error instanceof ToolFailure && isMissing(error.cause)) return false;
    throw error;
  }
}

async function existsAsJson(
  context: XsContext,
  nodes: NodeReader,
  paths: readonly string[],
): Promise<boolean> {
  let all = true;
  for (const path of paths) {
    const found = await orNull(nodes.read(path)) !== null;
    all &&= found;
    printJson(context.shell.stdout, { path: textJson(path), exists: found });
  }
  return all;
}

/** `xs exists`. */
export const existsCommand: XsCommand = buildCommand<ExistsFlags, string[]>({
  func: orPast(exists, 0, existsPast),
  parameters: {
    flags: { ...commonFlags, ...atFlags, socketOnly: socketOnlyFlag },
    aliases: { s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "exists",
    group: "read",
    brief: "exit 0 if nodes exist",
    description: [
      "Exits with status 0 when all nodes exist and can be read, with status 1 when one is missing.",
      "With --at, it exits with status 2 when that is not known.",
    ],
    examples: [
      ["xs exists /vm/7 && echo yes", "test a node in a script"],
    ],
  },
});
