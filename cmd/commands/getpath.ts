import { buildCommand, type Command } from "@stricli/core";
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
export const getPathCommand: Command<XsContext> = buildCommand<CommonFlags, [number], XsContext>({
  func: withDaemon(getPath),
  parameters: { flags: { ...commonFlags }, positional: domidParameter },
  docs: {
    brief: "Print the path of a domain's home",
    fullDescription: "Prints the path of a domain's home.\n" +
      "Relative paths of that domain are looked up there. It need not exist.",
  },
});
