import { buildCommand, type Command } from "@stricli/core";
import { showValue } from "../../lib/client/escape.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import {
  existsTool,
  listTool,
  readTool,
  rmTool,
  writeTool,
} from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  isMissing,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { pathsParameter } from "../parameters.ts";
import { readInput } from "../input.ts";
import { UsageError } from "../report.ts";
import { inPairs } from "../stock/tools.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";

interface SocketOnly {
  readonly socketOnly?: boolean;
}

function printTo(context: XsContext): (text: string) => void {
  return (text) => context.shell.stdout.write(text);
}

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

interface WriteFlags extends CommonFlags, SocketOnly {
  readonly raw?: boolean;
  readonly from?: string;
}

function checkWrite(flags: WriteFlags, ...words: string[]): void {
  if (flags.from !== undefined && words.length !== 1) {
    throw new UsageError("one path and no value is needed", `--from ${flags.from}`);
  }
  if (flags.from !== undefined || (words.length > 0 && words.length % 2 === 0)) return;
  const last = words.at(-1);
  if (last === undefined) throw new UsageError("<path> and <value> are missing");
  throw new UsageError("<value> is missing (values follow their paths, or --from FILE)", last);
}

async function write(
  context: XsContext,
  nodes: Operations,
  flags: WriteFlags,
  ...words: string[]
): Promise<void> {
  if (flags.from !== undefined) {
    const path = words[0]!;
    await nodes.write(path, await readInput(context.shell, "--from", flags.from));
    if (flags.json) printJson(context.shell.stdout, { path: textJson(path), written: true });
    return;
  }
  const pairs = inPairs(words);
  const options = { raw: flags.raw === true };
  await runTool(nodes, (nodes) => writeTool(nodes, pairs, options), pairs.length > 1, () => {});
  if (!flags.json) return;
  for (const [path] of pairs) {
    printJson(context.shell.stdout, { path: textJson(path), written: true });
  }
}

/** `xs write`. */
export const writeCommand: Command<XsContext> = buildCommand<WriteFlags, string[], XsContext>({
  func: withDaemon(write, { check: checkWrite }),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      raw: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Store the value as it is: a backslash is a backslash",
      },
      from: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "Store the bytes of a file; - is standard input",
      },
    },
    aliases: { R: "raw", s: "socketOnly" },
    positional: { ...pathsParameter, minimum: 0 },
  },
  docs: {
    brief: "Set the values of nodes, creating them",
    fullDescription: "Sets the values of nodes, creating them.\n" +
      "Takes pairs of a path and a value; several are written in one transaction.\n" +
      "In values, \\t \\n \\r \\\\ \\xHH and \\OOO stand for bytes, unless --raw.",
    customUsage: ["[--raw] <path> <value> [<path> <value>]...", "--from <file>|- <path>"],
  },
});

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
export const listCommand: Command<XsContext> = buildCommand<ListFlags, string[], XsContext>({
  func: withDaemon(list),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      prefix: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print the parent's path and a slash before each name",
      },
    },
    aliases: { p: "prefix", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: { brief: "Print the names of nodes' children" },
});

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
  if (!flags.json) return;
  for (const path of paths) {
    printJson(context.shell.stdout, { path: textJson(path), removed: true });
  }
}

/** `xs rm`. */
export const rmCommand: Command<XsContext> = buildCommand<RmFlags, string[], XsContext>({
  func: withDaemon(rm),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      tidy: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Remove nodes above, too, that are left without value and children",
      },
    },
    aliases: { t: "tidy", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    brief: "Remove nodes with all below them",
    fullDescription: "Removes nodes with all below them.\n" +
      "All in one transaction: either all paths are removed, or none.",
  },
});

async function mkdir(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  ...paths: string[]
): Promise<void> {
  const tool = async (nodes: Operations): Promise<void> => {
    for (const path of paths) await nodes.mkdir(path);
  };
  await runTool(nodes, tool, paths.length > 1, () => {});
  if (!flags.json) return;
  for (const path of paths) {
    printJson(context.shell.stdout, { path: textJson(path), created: true });
  }
}

/** `xs mkdir`. */
export const mkdirCommand: Command<XsContext> = buildCommand<CommonFlags, string[], XsContext>({
  func: withDaemon(mkdir),
  parameters: { flags: { ...commonFlags }, positional: pathsParameter },
  docs: {
    brief: "Create nodes with an empty value",
    fullDescription: "Creates nodes with an empty value.\n" +
      "Missing parents are created as well; a node that exists is left as it is.",
  },
});

interface ExistsFlags extends CommonFlags, SocketOnly {}

async function exists(
  context: XsContext,
  nodes: Operations,
  flags: ExistsFlags,
  ...paths: string[]
): Promise<boolean> {
  if (flags.json) return await existsAsJson(context, nodes, paths);
  try {
    await runTool(nodes, (nodes) => existsTool(nodes, paths), true, () => {});
    return true;
  } catch (error) {
    if (error instanceof ToolFailure && isMissing(error.cause)) return false;
    throw error;
  }
}

async function existsAsJson(
  context: XsContext,
  nodes: Operations,
  paths: readonly string[],
): Promise<boolean> {
  let all = true;
  for (const path of paths) {
    const found = await nodes.read(path).then(() => true, (error) => {
      if (isMissing(error)) return false;
      throw error;
    });
    all &&= found;
    printJson(context.shell.stdout, { path: textJson(path), exists: found });
  }
  return all;
}

/** `xs exists`. */
export const existsCommand: Command<XsContext> = buildCommand<ExistsFlags, string[], XsContext>({
  func: withDaemon(exists),
  parameters: {
    flags: { ...commonFlags, socketOnly: socketOnlyFlag },
    aliases: { s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    brief: "Tell whether nodes exist, by exit status",
    fullDescription: "Exits with 0 when all nodes can be read, with 1 when one is missing.",
  },
});
