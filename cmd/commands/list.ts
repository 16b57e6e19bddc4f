import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool, type Tool } from "../../lib/client/tools/run.ts";
import { listTool } from "../../lib/client/tools/values.ts";
import {
  commonFlags,
  printTo,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { switchFlag } from "../flags.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { orPast } from "../or_past.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface ListFlags extends AtFlags, SocketOnly {
  readonly prefix?: boolean;
}

/** Prints the names of children, of a daemon's nodes or of the past. */
async function print(
  nodes: NodeReader,
  write: (text: string) => void,
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

async function list(
  context: XsContext,
  nodes: Operations,
  flags: ListFlags,
  ...paths: string[]
): Promise<void> {
  const tool: Tool = (nodes, write) => print(nodes, write, flags, paths);
  await runTool(nodes, tool, true, printTo(context));
}

async function listPast(
  context: XsContext,
  nodes: NodeReader,
  flags: ListFlags,
  ...paths: string[]
): Promise<void> {
  await print(nodes, printTo(context), flags, paths);
}

/** `xs list`. */
export const listCommand: XsCommand = buildCommand<ListFlags, string[]>({
  func: orPast(withDaemon(list), 1, listPast),
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
