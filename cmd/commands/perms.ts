import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Print } from "../../lib/client/tools/run.ts";
import { commonFlags, type SocketOnly, socketOnlyFlag } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { printsNodes } from "../or_past.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface PermsFlags extends AtFlags, SocketOnly {
  readonly prefix?: boolean;
}

/** Prints permissions, of a daemon's nodes or of the past. */
async function print(
  nodes: NodeReader,
  write: Print,
  { json, prefix }: PermsFlags,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    const perms = await nodes.getPerms(path);
    if (json === true) printJson({ write }, { path: textJson(path), perms });
    else write(`${prefix === true ? `${path}: ` : ""}${perms.join(" ")}\n`);
  }
}

/** `xs perms`. */
export const permsCommand: XsCommand = buildCommand<PermsFlags, string[]>({
  func: printsNodes(print, 0),
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
