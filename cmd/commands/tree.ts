import { buildCommand, type Command } from "@stricli/core";
import type { Operations } from "../../lib/client/operations.ts";
import { chmodTool } from "../../lib/client/tools/chmod.ts";
import { lsTool, walk } from "../../lib/client/tools/ls.ts";
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
import { UsageError } from "../report.ts";
import { flush } from "../shell.ts";

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
  const options = { flat: flags.flat === true, perms, columns: shell.columns() };
  for (const top of paths.length === 0 ? ["/"] : paths) {
    if (!flags.json) {
      await lsTool(nodes, (text) => shell.stdout.write(text), top, options);
      continue;
    }
    for await (const node of walk(nodes, top, perms)) {
      printJson(shell.stdout, {
        path: textJson(node.path),
        value: node.value === null ? null : valueJson(node.value),
        ...(perms ? { perms: node.perms } : {}),
      });
    }
  }
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
    fullDescription: "Values are cut to the terminal's width (80 without one), unless --flat.",
  },
});

interface ChmodFlags extends CommonFlags {
  readonly socketOnly?: boolean;
  readonly upto?: boolean;
  readonly recurse?: boolean;
}

function checkChmod(_flags: ChmodFlags, path: string, ...perms: string[]): void {
  if (perms.length === 0) {
    throw new UsageError(`chmod needs permissions for '${path}', such as n0 r5: the owner's first`);
  }
  const wrong = perms.find((perm) => !/^[nrwb]\d{1,5}$/.test(perm));
  if (wrong !== undefined) {
    throw new UsageError(`'${wrong}' is not a permission: one of n, r, w, b and a domid, as in r5`);
  }
}

async function chmod(
  context: XsContext,
  nodes: Operations,
  flags: ChmodFlags,
  path: string,
  ...perms: string[]
): Promise<void> {
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
  func: withDaemon(chmod, checkChmod),
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
      "A permission is a letter and a domid: n none, r read, w write, b both.",
      "The first one names the owner, who may do everything; its letter holds for all other domains.",
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
  await watchTool(nodes, show, paths, { number: flags.number ?? -1, depth: flags.depth });
}

/** `xs watch`. */
export const watchCommand: Command<XsContext> = buildCommand<WatchFlags, string[], XsContext>({
  func: withDaemon(watch),
  parameters: {
    flags: {
      ...commonFlags,
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
    fullDescription: "Each path is printed once at the start: its watch is set.\n" +
      "@introduceDomain and @releaseDomain tell of domains that come and go.",
  },
});
