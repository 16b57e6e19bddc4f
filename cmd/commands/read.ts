import { buildCommand, type XsCommand } from "../command.ts";
import { showValue } from "../../lib/wire/stock_escape.ts";
import type { NodeReader } from "../../lib/client/node_reader.ts";
import type { Print } from "../../lib/client/tools/run.ts";
import { readTool } from "../../lib/client/tools/values.ts";
import { commonFlags, type SocketOnly, socketOnlyFlag } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { type AtFlags, atFlags } from "../history/parameters.ts";
import { printsNodes } from "../or_past.ts";
import { printJson, shownJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface ReadFlags extends AtFlags, SocketOnly {
  readonly prefix?: boolean;
  readonly raw?: boolean;
}

/** Prints what nodes have, of a daemon or of the past. */
async function print(
  nodes: NodeReader,
  write: Print,
  { json, prefix = false, raw = false }: ReadFlags,
  paths: readonly string[],
): Promise<void> {
  if (json !== true) return await readTool(nodes, write, paths, { prefix, raw, show: showValue });
  for (const path of paths) {
    const value = await nodes.read(path);
    printJson({ write }, { path: textJson(path), ...shownJson(nodes, path, value) });
  }
}

/** `xs read`. */
export const readCommand: XsCommand = buildCommand<ReadFlags, string[]>({
  func: printsNodes(print, 0),
  parameters: {
    flags: {
      ...commonFlags,
      ...atFlags,
      socketOnly: socketOnlyFlag,
      prefix: switchFlag("Print each path before its value"),
      raw: switchFlag("Print the bytes as they are, without a line break"),
    },
    aliases: { p: "prefix", R: "raw", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "read",
    aliases: ["get", "cat"],
    group: "read",
    brief: "print values",
    description: [
      "Prints the values of nodes, one a line.",
      "UTF-8 text is printed as it is. Control characters, invisible characters and other bytes are escaped (\\n, \\x80), unless --raw.",
      "Several paths are read in one transaction: all values are of the same moment.",
    ],
    examples: [
      ["xs read /vm/7/name", "print one value"],
      ["xs read -p /vm/7/name /vm/7/state", "print each path before its value"],
      ["xs read --at -5m /vm/7/name", "print what it was five minutes ago"],
      ["xs read --raw /tool/blob > blob", "save the bytes as they are"],
    ],
  },
});
