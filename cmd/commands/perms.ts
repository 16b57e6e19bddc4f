import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool, type Tool } from "../../lib/client/tools/run.ts";
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

interface PermsFlags extends AtFlags, SocketOnly {
  readonly prefix?: boolean;
}

/** Prints permissions, of a daemon's nodes or of the past. */
async function print(
  nodes: NodeReader,
  write: (text: string) => void,
  { json, prefix }: PermsFlags,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    const perms = await nodes.getPerms(path);
    if (json === true) printJson({ write }, { path: textJson(path), perms });
    else write(`${prefix === true ? `${path}: ` : ""}${perms.join(" ")}\n`);
  }
}

async function perms(
  context: XsContext,
  nodes: Operations,
  flags: PermsFlags,
  ...paths: string[]
): Promise<void> {
  const tool: Tool = (nodes, write) => print(nodes, write, flags, paths);
  await runTool(nodes, tool, paths.length > 1, printTo(context));
}

async function permsPast(
  context: XsContext,
  nodes: NodeReader,
  flags: PermsFlags,
  ...paths: string[]
): Promise<void> {
  await print(nodes, printTo(context), flags, paths);
}

/** `xs perms`. */
export const permsCommand: XsCommand = buildCommand<PermsFlags, string[]>({
  func: orPast(withDaemon(perms), 0, permsPast),
  parameters: {
    flags: {
      ...commonFlags,
      ...atFlags,
      socketOnly: socketOnlyFlag,
      prefix: switchFlag("Print each path before its permissions"),
    },
    aliases: { p: "prefix", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "perms",
    aliases: ["getperms"],
    group: "read",
    brief: "print permissions",
    description: [
      "Prints the permissions of nodes as xs chmod takes them, the owner's first: a letter (n none, r read, w write, b both) and a domid.",
    ],
    examples: [
      ["xs perms /local/domain/7/data", "who may read and write a node"],
      ["xs perms --at -1h -p /vm/7/name", "what its permissions were an hour ago"],
    ],
  },
});
