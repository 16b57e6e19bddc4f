import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printChanged } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

async function mkdir(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  ...paths: string[]
): Promise<void> {
  const tool = async (nodes: Operations): Promise<void> => {
    for (const path of paths) await nodes.mkdir(path);
  };
  await runTool(nodes, tool, paths.length > 1, () => {});
  if (flags.json) printChanged(context.shell.stdout, paths, { created: true });
}

/** `xs mkdir`. */
export const mkdirCommand: XsCommand = buildCommand<CommonFlags, string[]>({
  func: withDaemon(mkdir),
  parameters: { flags: { ...commonFlags }, positional: pathsParameter },
  docs: {
    name: "mkdir",
    group: "change",
    brief: "create empty nodes",
    description: [
      "Creates nodes with an empty value. Missing parents are created, too. A node that exists keeps its value.",
    ],
    examples: [
      ["xs mkdir /vm/7/device", "create a node"],
    ],
  },
});
