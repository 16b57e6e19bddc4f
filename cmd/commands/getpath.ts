import { buildCommand, type XsCommand } from "../command.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { domidParameter } from "../parameters.ts";

async function getPath(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  domid: number,
): Promise<void> {
  const type = MessageType.GET_DOMAIN_PATH;
  const path = await nodes.ask(type, "get_domain_path", String(domid));
  if (flags.json) printJson(context.shell.stdout, { domid, path: textJson(path) });
  else context.shell.stdout.write(`${path}\n`);
}

/** `xs getpath`. */
export const getPathCommand: XsCommand = buildCommand<CommonFlags, [number]>({
  func: withDaemon(getPath),
  parameters: { flags: { ...commonFlags }, positional: domidParameter },
  docs: {
    name: "getpath",
    group: "read",
    brief: "print a domain's home",
    description: [
      "Prints the path of a domain's home, where the domain's relative paths begin. The home need not exist.",
    ],
    examples: [
      ["xs getpath 7", "print /local/domain/7"],
    ],
  },
});
