import { buildCommand, type Command } from "@stricli/core";
import { formatDuration } from "../../lib/client/duration.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { splitPermissions } from "../../lib/client/perms.ts";
import { chmodTool } from "../../lib/client/tools/chmod.ts";
import { lookAt, lsLine, walk, type WalkedNode } from "../../lib/client/tools/ls.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import { watchTool } from "../../lib/client/tools/watch.ts";
import {
  type CommonFlags,
  commonFlags,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { parseCount, pathParameter, pathsParameter } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import { flush, type Output } from "../shell.ts";

interface LsFlags extends CommonFlags {
  readonly socketOnly?: boolean;
  readonly flat?: boolean;
  readonly perms?: boolean;
}

async function ls(
  context: XsContext,
  nodes: Operations,
  flags: LsFlags,
  ...paths: string[]
): Promise<void> {
  const { shell } = context;
  const perms = flags.perms === true;
  const options = { flat: flags.flat === true, perms, columns: shell.columns(), isText: true };
  const show = (node: WalkedNode): void => {
    if (flags.json) printNode(shell.stdout, node, perms);
    else shell.stdout.write(`${toByteText(lsLine(node, options))}\n`);
  };
  const tops = paths.length === 0 ? ["/"] : paths;
  const hasHeadings = tops.length > 1 && !options.flat && !flags.json;
  for (const [i, top] of tops.entries()) {
    if (hasHeadings) shell.stdout.write(`${i > 0 ? "\n" : ""}${top}:\n`);
    let isLeaf = true;
    for await (const node of walk(nodes, top, perms)) {
      isLeaf = false;
      show(node);
    }
    if (isLeaf) show(await lookAt(nodes, { path: top, name: top, depth: 0 }, perms));
  }
}

function printNode(output: Output, { path, perms, value }: WalkedNode, withPerms: boolean): void {
  printJson(output, {
    path: textJson(path),
    value: value === null ? null : valueJson(value),
    ...(withPerms ? { perms } : {}),
  });
}

/** `xs ls`. */
export const lsCommand: Command<XsContext> = buildCommand<LsFlags, string[], XsContext>({
  func: withDaemon(ls),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      flat: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print whole paths, and values uncut",
      },
      perms: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print permissions, the owner's first",
      },
    },
    aliases: { f: "flat", p: "perms", s: "socketOnly" },
    positional: { kind: "array", parameter: pathParameter },
  },
  docs: {
    brief: "Print the tree below a node, or all of it",
    fullDescription: "Prints the tree below a node, or all of it.\n" +
      "Values are cut to the terminal's width (80 without one), unless --flat.\n" +
      "A node without children is printed itself; several trees have their paths above them.",
  },
});

interface ChmodFlags extends CommonFlags {
  readonly socketOnly?: boolean;
  readonly upto?: boolean;
  readonly recurse?: boolean;
}

function checkChmod(_flags: ChmodFlags, path: string, ...perms: string[]): void {
  if (perms.length === 0) {
    throw new UsageError("permissions are missing (such as n0 r5, the owner's first)", path);
  }
  const wrong = perms.find((perm) => splitPermissions([perm]) === null);
  if (wrong !== undefined) {
    throw new UsageError("invalid permission (n, r, w or b and a domid, such as r5)", wrong);
  }
}

async function chmod(
  context: XsContext,
  nodes: Operations,
  flags: ChmodFlags,
  path: string,
  ...words: string[]
): Promise<void> {
  const perms = splitPermissions(words)!;
  const options = { upto: flags.upto === true, recurse: flags.recurse === true };
  await runTool(nodes, (nodes) => chmodTool(nodes, path, perms, options), true, () => {});
  if (flags.json) printJson(context.shell.stdout, { path: textJson(path), perms });
}

/** `xs chmod`. */
export const chmodCommand: Command<XsContext> = buildCommand<
  ChmodFlags,
  [string, ...string[]],
  XsContext
>({
  func: withDaemon(chmod, { check: checkChmod }),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      upto: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Set them on all nodes above, too, except /",
      },
      recurse: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Set them on all nodes below, too",
      },
    },
    aliases: { u: "upto", r: "recurse", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    brief: "Set the permissions of a node",
    fullDescription: [
      "Sets the permissions of a node.",
      "A permission is a letter and a domid: n none, r read, w write, b both.",
      "The first one names the owner, which may do everything; its letter holds for all other domains.",
      "n0 r5, n0,r5 and (n0,r5), as ls -p prints it, mean the same.",
    ].join("\n"),
    customUsage: ["[--upto] [--recurse] <path> <perm>..."],
  },
});

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
  const { stdout } = context.shell;
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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onReady = (): void => {
    if (timeout !== undefined) timer = setTimeout(expire, timeout);
  };
  try {
    await watchTool(nodes, show, paths, { number, depth, onReady });
  } catch (error) {
    if (!expired) throw error;
  } finally {
    clearTimeout(timer);
  }
  if (expired) throw new CommandError(`the time limit of ${formatDuration(timeout!)} is over`);
}

/** `xs watch`. */
export const watchCommand: Command<XsContext> = buildCommand<WatchFlags, string[], XsContext>({
  func: withDaemon(watch, { waits: () => true }),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: { ...commonFlags.timeout, brief: "Stop after so long, with exit status 1" },
      socketOnly: socketOnlyFlag,
      number: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "count",
        brief: "Stop after so many events, the first of each path included",
      },
      depth: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "levels",
        brief: "Only so many levels below the node; 0 is the node alone",
      },
    },
    aliases: { n: "number", d: "depth", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    brief: "Print the path of every change at or below nodes",
    fullDescription: "Prints the path of every change at or below nodes, until Ctrl-C.\n" +
      "Each path is printed once at the start: its watch is set.\n" +
      "@introduceDomain and @releaseDomain tell of domains that come and go.",
  },
});
