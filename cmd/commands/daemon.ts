import { buildCommand, type Command } from "@stricli/core";
import { MessageType } from "../../lib/wire/message_type.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { ControlFailure, xsControlTool } from "../../lib/client/tools/control.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { parseDomid } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import { readable } from "../shell.ts";

async function control(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  command: string,
  ...args: string[]
): Promise<void> {
  const { stdout } = context.shell;
  let reply = "";
  try {
    await xsControlTool(nodes, (text) => reply += text, command, args);
  } catch (error) {
    if (!(error instanceof ControlFailure) || error.cause !== undefined) throw error;
    const text = (error.reply ?? error.text).trim().replace(/\.$/, "");
    const what = text.charAt(0).toLowerCase() + text.slice(1);
    throw error.status === 2 ? new UsageError(what, command) : new CommandError(what, command);
  }
  if (!flags.json) return stdout.write(readable(reply));
  printJson(stdout, { command: textJson(command), reply: textJson(reply.replace(/\n$/, "")) });
}

/** `xs control`. */
export const controlCommand: Command<XsContext> = buildCommand<
  CommonFlags,
  [string, ...string[]],
  XsContext
>({
  // A live update waits for transactions, and for the trial of the next daemon.
  func: withDaemon(control, { waits: (_flags, command) => command === "live-update" }),
  parameters: {
    flags: { ...commonFlags },
    positional: {
      kind: "array",
      parameter: { brief: "A command and its arguments", placeholder: "word", parse: String },
      minimum: 1,
    },
  },
  docs: {
    brief: "Give the daemon a command",
    fullDescription: "Gives the daemon a command; `xs control help` prints those that it knows.\n" +
      "All words after the command are the daemon's, as in: xs control log -io\n" +
      "live-update FILE waits for the new daemon; live-update with -a, -f or -s is sent as it is.",
    customUsage: ["<command> [<argument>]..."],
  },
});

const domidParameter = {
  kind: "tuple",
  parameters: [{ brief: "Number of a domain", placeholder: "domid", parse: parseDomid }],
} as const;

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
