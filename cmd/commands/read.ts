import { buildCommand, type XsCommand } from "../command.ts";
import { showValue } from "../../lib/client/escape.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { readTool } from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  printTo,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface ReadFlags extends CommonFlags, SocketOnly {
  readonly prefix?: boolean;
  readonly raw?: boolean;
}

async function read(
  context: XsContext,
  nodes: Operations,
  flags: ReadFlags,
  ...paths: string[]
): Promise<void> {
  if (flags.json) {
    const tool = async (nodes: Operations, print: (text: string) => void): Promise<void> => {
      for (const path of paths) {
        const value = valueJson(await nodes.read(path));
        printJson({ write: print }, { path: textJson(path), value });
      }
    };
    return await runTool(nodes, tool, paths.length > 1, printTo(context));
  }
  const options = { prefix: flags.prefix === true, raw: flags.raw === true, show: showValue };
  const tool = (nodes: Operations, print: (text: string) => void): Promise<void> =>
    readTool(nodes, print, paths, options);
  await runTool(nodes, tool, paths.length > 1, printTo(context));
}

/** `xs read`. */
export const readCommand: XsCommand = buildCommand<ReadFlags, string[]>({
  func: withDaemon(read),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      prefix: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print each path before its value",
      },
      raw: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print the bytes as they are, without a line break",
      },
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
      ["xs read --raw /tool/blob > blob", "save the bytes as they are"],
    ],
  },
});
