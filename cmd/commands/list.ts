import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Print } from "../../lib/client/tools/run.ts";
import { listTool } from "../../lib/client/tools/values.ts";
import { commonFlags, type SocketOnly, socketOnlyFlag } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { printsNodes } from "../or_past.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface ListFlags extends AtFlags, SocketOnly {
  readonly prefix?: boolean;
}

/** Prints the names of children, of a daemon's nodes or of the past. */
async function print(
  nodes: NodeReader,
  write: Print,
  { json, prefix = false }: ListFlags,
  paths: readonly string[],
): Promise<void> {
  if (json !== true) return await listTool(nodes, write, paths, { prefix });
  for (const parent of paths) {
    for (const name of await nodes.directory(parent)) {
      const path = `${parent === "/" ? "" : parent}/${name}`;
      printJson({ write }, { path: textJson(path), name: textJson(name) });
    }
  }
}

/** `xs list`. */
export const listCommand: XsCommand = buildCommand<ListFlags, string[]>({
  func: printsNodes(print, 1),
  parameters: {
    flags: {
      ...commonFlags,
      ...atFlags,
      socketOnly: socketOnlyFlag,
      prefix: switchFlag("Print whole paths instead of names"),
    },
    aliases: { p: "prefix", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "list",
    group: "read",
    brief: "print names of children",
    description: [
      "Prints the names of a node's children, one a line.",
    ],
    examples: [
      ["xs list /local/domain", "print the domids that have a home"],
      ["xs list -p /vm", "print whole paths"],
    ],
  },
});
