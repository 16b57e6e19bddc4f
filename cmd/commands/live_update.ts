import { fromByteText, type Operations, toByteText } from "../../lib/client/operations.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { ControlFailure, liveUpdate } from "../../lib/client/tools/control.ts";
import type { Status } from "../../lib/engine/status.ts";
import { fromRoot } from "../../lib/files.ts";
import { UPDATE_WAIT_MS } from "../../lib/limits.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { printJson } from "../json.ts";
import { parseDurationOption } from "../parameters.ts";
import { CommandError } from "../report.ts";
import { runtimeArguments } from "../runtime_arguments.ts";
import { readable } from "../shell.ts";

interface LiveUpdateFlags extends CommonFlags {
  /** In ms. */
  readonly wait: number;
  readonly force?: boolean;
}

/** The name by which `xs` understands C xenstored's command line; the packages install it. */
const DAEMON_LINK = "/usr/libexec/xs/xenstored";

async function update(
  { shell }: XsContext,
  nodes: Operations,
  flags: LiveUpdateFlags,
  named?: string,
): Promise<void> {
  const isXs = await status(nodes) !== null;
  const file = named === undefined ? installedDaemon() : fromByteText(named);
  // C xenstored hands on its own options, and its clients are lost to a program that refuses them.
  if (!isXs && !/(?:^|\/)xenstored$/.test(file)) {
    const hint = `ln -s ${file} xenstored, and name that`;
    throw new CommandError(
      `the running daemon is not xs: name a file called xenstored (${hint})`,
      file,
    );
  }
  const timeout = `${Math.ceil(flags.wait / 1_000)}`;
  const request = { file: toByteText(fromRoot(file)), timeout, force: flags.force === true };
  try {
    await liveUpdate(nodes, request);
  } catch (error) {
    if (!(error instanceof ControlFailure)) throw error;
    if (error.reply === null) throw error.cause ?? error;
    const text = error.reply.trim().replace(/\.$/, "");
    const what = text.charAt(0).toLowerCase() + text.slice(1);
    throw new CommandError(`not done: ${what} (the old daemon still serves)`, file);
  }
  const now = await status(nodes);
  if (flags.json) {
    printJson(shell.stdout, { file, version: now?.version ?? null, pid: now?.pid ?? null });
  } else if (now === null) shell.stdout.write(readable(toByteText(`${file} serves\n`)));
  else shell.stdout.write(readable(toByteText(`xs ${now.version} serves, pid ${now.pid}\n`)));
}

/** How the daemon is; null when it is not `xs`, or one that is too old to say. */
async function status(nodes: Operations): Promise<Status | null> {
  try {
    return JSON.parse(await nodes.control("status"));
  } catch (error) {
    if (error instanceof XenstoreError && error.code === "EINVAL") return null;
    throw error;
  }
}

/** The file that runs this command, by the name that every daemon can run it by, where it has one. */
function installedDaemon(): string {
  if (runtimeArguments().length > 0) {
    throw new CommandError("this xs runs from its source: name the file of the next daemon");
  }
  const own = Deno.execPath();
  try {
    if (Deno.realPathSync(DAEMON_LINK) === Deno.realPathSync(own)) return DAEMON_LINK;
  } catch {
    // There is no such link: the package xenstored-xs is not installed.
  }
  return own;
}

/** `xs live-update`. */
export const liveUpdateCommand: XsCommand = buildCommand<LiveUpdateFlags, [string?]>({
  // It waits for transactions, and for the trial of the next daemon.
  func: withDaemon(update, { waits: () => true }),
  parameters: {
    flags: {
      wait: {
        kind: "parsed",
        parse: parseDurationOption,
        default: formatDuration(UPDATE_WAIT_MS),
        placeholder: "DURATION",
        brief: "Wait at most DURATION for open transactions to end",
      },
      force: switchFlag(
        "Abort transactions that are still open then, instead of giving up the update",
      ),
      ...commonFlags,
    },
    aliases: { F: "force" },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "The next daemon",
        placeholder: "FILE",
        parse: String,
        optional: true,
      }],
    },
  },
  docs: {
    name: "live-update",
    group: "daemon",
    brief: "replace the daemon",
    description: [
      "Replaces the running Xenstore daemon with another one, in the same process. Guests keep their rings and watches, clients their connections.",
      "Without FILE it is the xs that runs this command, such as the one that a package has just installed. FILE may be another xs or C xenstored. From C xenstored to xs, the file's name must be xenstored.",
      "If the next daemon is xs, it is checked first. If anything is wrong, the running daemon serves on, and the exit status is 1.",
    ],
    examples: [
      ["xs live-update", "go over to the installed xs after an upgrade"],
      ["xs live-update --wait 5s --force", "abort transactions that are still open after 5 s"],
      ["xs live-update /usr/lib/xen-4.17/bin/xenstored", "go back to C xenstored"],
    ],
  },
});
