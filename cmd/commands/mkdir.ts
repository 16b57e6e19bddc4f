import { buildCommand, type Command } from "@stricli/core";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
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
  if (!flags.json) return;
  for (const path of paths) {
    printJson(context.shell.stdout, { path: textJson(path), created: true });
  }
}

/** `xs mkdir`. */
export const mkdirCommand: Command<XsContext> = buildCommand<CommonFlags, string[], XsContext>({
  func: withDaemon(mkdir),
  parameters: { flags: { ...commonFlags }, positional: pathsParameter },
  docs: {
    brief: "Create nodes with an empty value",
    fullDescription: "Creates nodes with an empty value.\n" +
      "Missing parents are created as well; a node that exists is left as it is.",
  },
});
