import { buildCommand, type XsCommand } from "../command.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { domidParameter } from "../parameters.ts";

async function introduced(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  domid: number,
): Promise<boolean> {
  const type = MessageType.IS_DOMAIN_INTRODUCED;
  const known = await nodes.ask(type, "is_domain_introduced", String(domid)) === "T";
  if (flags.json) printJson(context.shell.stdout, { domid, introduced: known });
  return known;
}

/** `xs introduced`. */
export const introducedCommand: XsCommand = buildCommand<
  CommonFlags,
  [number]
>({
  func: withDaemon(introduced),
  parameters: { flags: { ...commonFlags }, positional: domidParameter },
  docs: {
    name: "introduced",
    group: "read",
    brief: "exit 0 if connected",
    description: [
      "Exits with status 0 when a domain is connected to the daemon (introduced and not released), with status 1 when not.",
    ],
    examples: [
      ["xs introduced 7 && echo connected", "test a domain in a script"],
    ],
  },
});
