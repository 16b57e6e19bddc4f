import { buildCommand, type Command } from "@stricli/core";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { rmTool } from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface RmFlags extends CommonFlags, SocketOnly {
  readonly tidy?: boolean;
}

async function rm(
  context: XsContext,
  nodes: Operations,
  flags: RmFlags,
  ...paths: string[]
): Promise<void> {
  const options = { tidy: flags.tidy === true };
  await runTool(nodes, (nodes) => rmTool(nodes, paths, options), true, () => {});
  if (!flags.json) return;
  for (const path of paths) {
    printJson(context.shell.stdout, { path: textJson(path), removed: true });
  }
}

/** `xs rm`. */
export const rmCommand: Command<XsContext> = buildCommand<RmFlags, string[], XsContext>({
  func: withDaemon(rm),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      tidy: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Remove nodes above, too, that are left without value and children",
      },
    },
    aliases: { t: "tidy", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    brief: "Remove nodes with all below them",
    fullDescription: "Removes nodes with all below them.\n" +
      "All in one transaction: either all paths are removed, or none.",
  },
});
