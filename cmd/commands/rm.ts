import { buildCommand, type XsCommand } from "../command.ts";
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
import { switchFlag } from "../flags.ts";
import { printChanged } from "../json.ts";
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
  if (flags.json) printChanged(context.shell.stdout, paths, { removed: true });
}

/** `xs rm`. */
export const rmCommand: XsCommand = buildCommand<RmFlags, string[]>({
  func: withDaemon(rm),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      tidy: switchFlag("Also remove parents that are left without value and children"),
    },
    aliases: { t: "tidy", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "rm",
    aliases: ["del"],
    group: "change",
    brief: "remove nodes, all below",
    description: [
      "Removes nodes with all nodes below them. A missing node is no error if its parent exists.",
      "Several paths are removed in one transaction: all of them or none.",
    ],
    examples: [
      ["xs rm /vm/7", "remove a node and all below it"],
      ["xs rm -t /vm/7/device/vif/0", "remove empty parents, too"],
    ],
  },
});
