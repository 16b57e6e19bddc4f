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
import { switchFlag, valueFlag } from "../flags.ts";
import { printJson, textJson } from "../json.ts";
import { parseCount } from "../parameters.ts";
import { pathsParameter } from "../path_parameter.ts";
import type { EventPrinter } from "../history/event_printer.ts";
import { CommandError } from "../report.ts";
import { flush } from "../shell.ts";

interface WatchFlags extends CommonFlags {
  readonly socketOnly?: boolean;
  readonly number?: number;
  readonly depth?: number;
  readonly values?: boolean;
  readonly by?: boolean;
  readonly timestamps?: boolean;
}

async function watch(
  context: XsContext,
  nodes: Operations,
  flags: WatchFlags,
  ...paths: string[]
): Promise<void> {
  const { clock, stdout } = context.shell;
  const printer = await printerOf(context, nodes, flags);
  const show = printer?.show.bind(printer) ?? ((path: string, token: string): void => {
    if (flags.json) printJson(stdout, { path: textJson(path), watch: textJson(token) });
    else stdout.write(`${path}\n`);
    flush(stdout);
  });
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
    await printer?.done();
  } catch (error) {
    if (!expired) throw error;
  } finally {
    timer?.cancel();
  }
  if (expired) throw new CommandError(`the time limit of ${formatDuration(timeout!)} is over`);
}

/** What prints more than the paths; null where that is all. */
async function printerOf(
  { shell }: XsContext,
  nodes: Operations,
  flags: WatchFlags,
): Promise<EventPrinter | null> {
  const { by, timestamps, values } = flags;
  if (by !== true && timestamps !== true && values !== true) return null;
  // Loaded here: without these there is no need of it.
  const { EventPrinter } = await import("../history/event_printer.ts");
  const printer = new EventPrinter(shell, nodes, flags);
  await printer.check();
  return printer;
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
      number: valueFlag(
        "COUNT",
        "Stop after COUNT lines, the first line of each path included",
        parseCount,
      ),
      depth: valueFlag(
        "LEVELS",
        "Watch only LEVELS levels below the node; 0 is the node alone",
        parseCount,
      ),
      values: switchFlag("Print what each path has now"),
      by: switchFlag("Print what it had before as well, and who changed it (from the history)"),
      timestamps: switchFlag("Print when each event came"),
    },
    aliases: { n: "number", d: "depth", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "watch",
    group: "read",
    brief: "print every change",
    description: [
      "Prints the path of every change at or below nodes, until Ctrl-C.",
      "Each path is printed once at the start: from then on its watch is set.",
      "With --values or --by, events that come faster than they are printed may be printed as one, of their path or of the watched node.",
      "@introduceDomain and @releaseDomain report domains that come and go.",
    ],
    examples: [
      ["xs watch /local/domain/7/device", "print what changes there"],
      ["xs watch -n 2 --timeout 10 /vm/7/state", "wait up to 10 s for one change"],
      ["xs watch --by --timestamps /local/domain/7/control", "who changes what, and when"],
      ["xs watch @releaseDomain", "print a line whenever a domain ends"],
    ],
  },
});
