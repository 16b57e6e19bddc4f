import type { Timer } from "../../lib/clock.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { watchTool } from "../../lib/client/tools/watch.ts";
import {
  type CommonFlags,
  commonFlags,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { parseCount } from "../parameters.ts";
import { pathsParameter } from "../path_parameter.ts";
import { CommandError } from "../report.ts";
import { flush } from "../shell.ts";

interface WatchFlags extends CommonFlags {
  readonly socketOnly?: boolean;
  readonly number?: number;
  readonly depth?: number;
}

async function watch(
  context: XsContext,
  nodes: Operations,
  flags: WatchFlags,
  ...paths: string[]
): Promise<void> {
  const { clock, stdout } = context.shell;
  const show = (path: string, token: string): void => {
    if (flags.json) printJson(stdout, { path: textJson(path), watch: textJson(token) });
    else stdout.write(`${path}\n`);
    flush(stdout);
  };
  const { depth, number = -1, timeout } = flags;
  let expired = false;
  const expire = (): void => {
    expired = true;
    nodes.session.close();
  };
  let timer: Timer | undefined;
  const onReady = (): void => {
    if (timeout !== undefined) timer = clock.after(timeout, expire);
  };
  try {
    await watchTool(nodes, show, paths, { number, depth, onReady });
  } catch (error) {
    if (!expired) throw error;
  } finally {
    timer?.cancel();
  }
  if (expired) throw new CommandError(`the time limit of ${formatDuration(timeout!)} is over`);
}

/** `xs watch`. */
export const watchCommand: XsCommand = buildCommand<WatchFlags, string[]>({
  func: withDaemon(watch, { waits: () => true }),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: "Stop after DURATION, with exit status 1 (default never)",
      },
      socketOnly: socketOnlyFlag,
      number: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "COUNT",
        brief: "Stop after COUNT lines, the first line of each path included",
      },
      depth: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "LEVELS",
        brief: "Watch only LEVELS levels below the node; 0 is the node alone",
      },
    },
    aliases: { n: "number", d: "depth", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "watch",
    group: "watch",
    brief: "print every change",
    description: [
      "Prints the path of every change at or below nodes, until Ctrl-C.",
      "Each path is printed once at the start: from then on its watch is set.",
      "@introduceDomain and @releaseDomain report domains that come and go.",
    ],
    examples: [
      ["xs watch /local/domain/7/device", "print what changes there"],
      ["xs watch -n 2 --timeout 10 /vm/7/state", "wait up to 10 s for one change"],
      ["xs watch @releaseDomain", "print a line whenever a domain ends"],
    ],
  },
});
