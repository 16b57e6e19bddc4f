import { buildCommand, type XsCommand } from "../command.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import { toByteText } from "../../lib/client/operations.ts";
import { lookAt, lsLine, walk, type WalkedNode } from "../../lib/client/tools/ls.ts";
import { commonFlags, socketOnlyFlag, type XsContext } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { orPast } from "../or_past.ts";
import { printJson, shownJson, textJson } from "../json.ts";
import { pathParameter } from "../path_parameter.ts";
import type { Output } from "../shell.ts";

interface LsFlags extends AtFlags {
  readonly socketOnly?: boolean;
  readonly flat?: boolean;
  readonly perms?: boolean;
}

async function ls(
  context: XsContext,
  nodes: NodeReader,
  flags: LsFlags,
  ...paths: string[]
): Promise<void> {
  const { shell } = context;
  const perms = flags.perms === true;
  const options = { flat: flags.flat === true, perms, columns: shell.columns(), isText: true };
  const show = (node: WalkedNode): void => {
    if (flags.json) printNode(shell.stdout, nodes, node, perms);
    else shell.stdout.write(`${toByteText(lsLine(node, options))}\n`);
  };
  const tops = paths.length === 0 ? ["/"] : paths;
  const hasHeadings = tops.length > 1 && !options.flat && !flags.json;
  for (const [i, top] of tops.entries()) {
    // Only of a tree that can be read.
    let heading = hasHeadings ? `${i > 0 ? "\n" : ""}${top}:\n` : "";
    const showBelow = (node: WalkedNode): void => {
      if (heading !== "") shell.stdout.write(heading);
      heading = "";
      show(node);
    };
    let isLeaf = true;
    for await (const node of walk(nodes, top, perms)) {
      isLeaf = false;
      showBelow(node);
    }
    if (isLeaf) showBelow(await lookAt(nodes, { path: top, name: top, depth: 0 }, perms));
  }
}

function printNode(
  output: Output,
  nodes: NodeReader,
  { path, perms, value }: WalkedNode,
  withPerms: boolean,
): void {
  printJson(output, {
    path: textJson(path),
    ...shownJson(nodes, path, value),
    ...(withPerms ? { perms } : {}),
  });
}

/** `xs ls`. */
export const lsCommand: XsCommand = buildCommand<LsFlags, string[]>({
  func: orPast(ls, null, ls),
  parameters: {
    flags: {
      ...commonFlags,
      ...atFlags,
      socketOnly: socketOnlyFlag,
      flat: switchFlag("Print whole paths and uncut values"),
      perms: switchFlag("Print permissions, the owner's first"),
    },
    aliases: { f: "flat", p: "perms", s: "socketOnly" },
    positional: { kind: "array", parameter: pathParameter },
  },
  docs: {
    name: "ls",
    aliases: ["tree"],
    group: "read",
    brief: "print a tree",
    description: [
      "Prints the tree below a node, or the whole store.",
      "Values are cut to the width of the terminal (80 columns without one), unless --flat. For several paths, each tree has its path above it. A node without children is printed itself.",
    ],
    examples: [
      ["xs ls /vm", "print the tree below /vm"],
      ["xs ls -f -p /vm", "print whole paths, uncut values and permissions"],
    ],
  },
});
