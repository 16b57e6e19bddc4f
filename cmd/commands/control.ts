import { buildCommand, type XsCommand } from "../command.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { ControlFailure, xsControlTool } from "../../lib/client/tools/control.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { words } from "../flags.ts";
import { printJson, textJson } from "../json.ts";
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
    if (!(error instanceof ControlFailure)) throw error;
    if (error.cause !== undefined) throw withWords(error.cause, [command, ...args]);
    const text = (error.reply ?? error.text).trim().replace(/\.$/, "");
    const what = text.charAt(0).toLowerCase() + text.slice(1);
    throw error.status === 2 ? new UsageError(what, command) : new CommandError(what, command);
  }
  if (!flags.json) return stdout.write(readable(reply));
  printJson(stdout, { command: textJson(command), reply: textJson(reply.replace(/\n$/, "")) });
}

/** An error of the daemon with all the words that it answers. */
function withWords(cause: unknown, words: readonly string[]): unknown {
  if (!(cause instanceof XenstoreError) || cause.operation !== "control") return cause;
  return new XenstoreError(cause.code, cause.operation, words.join(" "), cause.detail);
}

/** `xs control`. */
export const controlCommand: XsCommand = buildCommand<
  CommonFlags,
  [string, ...string[]]
>({
  // A live update waits for transactions, and for the trial of the next daemon.
  func: withDaemon(control, { waits: (_flags, command) => command === "live-update" }),
  parameters: {
    flags: { ...commonFlags },
    positional: words("COMMAND", "A command and its arguments", 1),
  },
  docs: {
    name: "control",
    group: "daemon",
    brief: "send the daemon a command",
    description: [
      "Sends the daemon a command; `xs control help` lists the commands that it knows.",
      "All words after the command go to the daemon, also those that begin with -.",
      "live-update FILE waits until the next daemon serves. live-update with -a, -f or -s is sent as it is.",
    ],
    usage: ["COMMAND [ARGUMENT]..."],
    examples: [
      ["xs control help", "list the daemon's commands"],
      ["xs control quota 7", "show what domain 7 uses"],
      ["xs control log -io", "stop tracing"],
      ["xs control live-update /usr/bin/xs", "replace the running daemon"],
    ],
  },
});
