import { buildCommand, type Command } from "@stricli/core";
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
export const readCommand: Command<XsContext> = buildCommand<ReadFlags, string[], XsContext>({
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
    brief: "Print the values of nodes",
    fullDescription: "Prints the values of nodes.\n" +
      "UTF-8 is printed as it is; controls, invisible marks and other bytes come escaped (\\n, \\x80),\n" +
      "unless --raw.\n" +
      "Several paths are read in one transaction.",
  },
});
