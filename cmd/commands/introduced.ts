import { buildCommand, type Command } from "@stricli/core";
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
export const introducedCommand: Command<XsContext> = buildCommand<
  CommonFlags,
  [number],
  XsContext
>({
  func: withDaemon(introduced),
  parameters: { flags: { ...commonFlags }, positional: domidParameter },
  docs: {
    brief: "Tell whether a domain is connected, by exit status",
    fullDescription: "Tells whether a domain is connected.\n" +
      "Exits with 0 when the domain has been introduced, with 1 when not.",
  },
});
