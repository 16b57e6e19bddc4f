import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { listTool } from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  printTo,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";

interface ListFlags extends CommonFlags, SocketOnly {
  readonly prefix?: boolean;
}

async function list(
  context: XsContext,
  nodes: Operations,
  flags: ListFlags,
  ...paths: string[]
): Promise<void> {
  const options = { prefix: flags.prefix === true };
  const asJson = async (nodes: Operations, print: (text: string) => void): Promise<void> => {
    for (const parent of paths) {
      for (const name of await nodes.directory(parent)) {
        const path = `${parent === "/" ? "" : parent}/${name}`;
        printJson({ write: print }, { path: textJson(path), name: textJson(name) });
      }
    }
  };
  const asText = (nodes: Operations, print: (text: string) => void): Promise<void> =>
    listTool(nodes, print, paths, options);
  await runTool(nodes, flags.json ? asJson : asText, true, printTo(context));
}

/** `xs list`. */
export const listCommand: XsCommand = buildCommand<ListFlags, string[]>({
  func: withDaemon(list),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      prefix: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print whole paths instead of names",
      },
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
