import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { inPairs, writeTool } from "../../lib/client/tools/values.ts";
import {
  type CommonFlags,
  commonFlags,
  type SocketOnly,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { printChanged } from "../json.ts";
import { readInput } from "../input.ts";
import { pathsParameter } from "../path_parameter.ts";
import { UsageError } from "../report.ts";

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
  if (last === undefined) throw new UsageError("PATH and VALUE are missing");
  throw new UsageError(
    "VALUE is missing (each value follows its path; --from FILE reads one)",
    last,
  );
}

async function write(
  context: XsContext,
  nodes: Operations,
  flags: WriteFlags,
  ...words: string[]
): Promise<void> {
  const pairs = inPairs(words);
  if (flags.from !== undefined) {
    await nodes.write(words[0]!, await readInput(context.shell, "--from", flags.from));
  } else {
    const options = { raw: flags.raw === true };
    await runTool(nodes, (nodes) => writeTool(nodes, pairs, options), pairs.length > 1, () => {});
  }
  if (flags.json) {
    printChanged(context.shell.stdout, pairs.map(([path]) => path), { written: true });
  }
}

/** `xs write`. */
export const writeCommand: XsCommand = buildCommand<WriteFlags, string[]>({
  func: withDaemon(write, { check: checkWrite }),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      raw: switchFlag("Store values as they are: a backslash is a backslash"),
      from: valueFlag("FILE", "Store the bytes of FILE; - is standard input"),
    },
    aliases: { R: "raw", s: "socketOnly" },
    positional: { ...pathsParameter, minimum: 0 },
  },
  docs: {
    name: "write",
    aliases: ["set"],
    group: "change",
    brief: "set values, create nodes",
    description: [
      "Sets the values of nodes. Nodes and their parents are created where they are missing.",
      "Several pairs of a path and a value are written in one transaction.",
      "In values, \\t \\n \\r \\\\ \\xHH and \\OOO stand for bytes, unless --raw. Put -- before a value that begins with -.",
    ],
    usage: ["PATH VALUE [PATH VALUE]...", "--from FILE PATH"],
    examples: [
      ["xs write /vm/7/name web /vm/7/state running", "set two values together"],
      ["xs write --from blob /tool/blob", "store the bytes of a file"],
      ["xs write /vm/7/level -- -1", "store a value that begins with -"],
    ],
  },
});
