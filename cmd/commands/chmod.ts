import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { isMissing, XenstoreError } from "../../lib/client/error.ts";
import { splitPermissions } from "../../lib/client/perms.ts";
import { chmodTool } from "../../lib/client/tools/chmod.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";
import { runTool } from "../../lib/client/tools/run.ts";
import {
  type CommonFlags,
  commonFlags,
  socketOnlyFlag,
  withDaemon,
  type XsContext,
} from "../context.ts";
import { switchFlag } from "../flags.ts";
import { printJson, textJson } from "../json.ts";
import { pathsParameter } from "../path_parameter.ts";
import { CommandError, UsageError } from "../report.ts";

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
  try {
    await runTool(nodes, (nodes) => chmodTool(nodes, path, perms, options), true, () => {});
  } catch (error) {
    throw await explainOwner(nodes, error, path, perms);
  }
  if (flags.json) printJson(context.shell.stdout, { path: textJson(path), perms });
}

/** The daemon answers ENOENT for a missing node and for a missing owner alike: says which it is. */
async function explainOwner(
  nodes: Operations,
  error: unknown,
  path: string,
  [owner = ""]: readonly string[],
): Promise<unknown> {
  const cause = error instanceof ToolFailure ? error.cause : error;
  if (!(cause instanceof XenstoreError) || !isMissing(cause)) return error;
  const isThere = await nodes.getPerms(path).then(() => true, () => false);
  if (!isThere) return error;
  const text = `no such domain ${
    owner.slice(1)
  } (ENOENT; the first permission names the owner, which must exist)`;
  return new CommandError(text, `${path} ${owner}`);
}

/** `xs chmod`. */
export const chmodCommand: XsCommand = buildCommand<
  ChmodFlags,
  [string, ...string[]]
>({
  func: withDaemon(chmod, { check: checkChmod }),
  parameters: {
    flags: {
      ...commonFlags,
      socketOnly: socketOnlyFlag,
      upto: switchFlag("Also set them on all parents except /"),
      recurse: switchFlag("Also set them on all nodes below"),
    },
    aliases: { u: "upto", r: "recurse", s: "socketOnly" },
    positional: pathsParameter,
  },
  docs: {
    name: "chmod",
    group: "change",
    brief: "set permissions",
    description: [
      "Sets the permissions of a node.",
      "A permission is a letter and a domid: n none, r read, w write, b both. The first one names the owner, which may do everything; its letter applies to all domains that are not in the list. The owner must be a domain that exists (else ENOENT).",
      "n0 r5, n0,r5 and (n0,r5), as xs ls -p prints it, mean the same.",
    ],
    usage: ["PATH PERMISSION..."],
    examples: [
      ["xs chmod /vm/7 n0 r7", "domain 0 owns the node, domain 7 may read it"],
      ["xs chmod -r /vm/7 b7", "give domain 7 the node and all nodes below it"],
    ],
  },
});
