import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { existsTool } from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  isMissing,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";

interface ExistsFlags extends CommonFlags, SocketOnly {}

async function exists(
  context: XsContext,
  nodes: Operations,
  flags: ExistsFlags,
  ...paths: string[]
): Promise<boolean> {
  if (flags.json) return await existsAsJson(context, nodes, paths);
  try {
    await runTool(nodes, (nodes) => existsTool(nodes, paths), true, () => {});
    return true;
  } catch (error) {
    if (error instanceof ToolFailure && isMissing(error.cause)) return false;
    throw error;
  }
}

async function existsAsJson(
  context: XsContext,
  nodes: Operations,
  paths: readonly string[],
): Promise<boolean> {
  let all = true;
  for (const path of paths) {
    const found = await nodes.read(path).then(() => true, (error) => {
      if (isMissing(error)) return false;
      throw error;
    });
    all &&= found;
    printJson(context.shell.stdout, { path: textJson(path), exists: found });
  }
  return all;
}

/** `xs exists`. */
export const existsCommand: XsCommand = buildCommand<ExistsFlags, string[]>({
  func: withDaemon(exists),
  parameters: {
    flags: { ...commonFlags, socketOnly: socketOnlyFlag },
    aliases: { s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "exists",
    group: "read",
    brief: "exit 0 if nodes exist",
    description: [
      "Exits with status 0 when all nodes exist and can be read, with status 1 when one is missing.",
    ],
    examples: [
      ["xs exists /vm/7 && echo yes", "test a node in a script"],
    ],
  },
});
