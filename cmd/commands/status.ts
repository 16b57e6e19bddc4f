import { buildCommand, type XsCommand } from "../command.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { STATUS_TIMEOUT_MS } from "../../lib/limits.ts";
import { readList, readStatus, UnknownStatus } from "../../lib/metrics/read_status.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { CommandError, OLDER_DAEMON } from "../report.ts";
import { readable } from "../shell.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { statusText, type WholeStatus } from "../status_text.ts";

async function status({ shell }: XsContext, nodes: Operations, flags: CommonFlags): Promise<void> {
  const whole = await ask(nodes);
  const { conflicts, domains, status } = whole;
  if (flags.json) printJson(shell.stdout, { ...status, conflicts, domains });
  else shell.stdout.write(readable(toByteText(statusText(whole))));
}

async function ask(nodes: Operations): Promise<WholeStatus> {
  try {
    return {
      status: await readStatus(nodes),
      domains: await readList(nodes, "domains"),
      conflicts: await readList(nodes, "conflicts"),
    };
  } catch (error) {
    if (!(error instanceof UnknownStatus)) throw error;
    throw new CommandError(OLDER_DAEMON);
  }
}

/** `xs status`. */
export const statusCommand: XsCommand = buildCommand<CommonFlags, []>({
  func: withDaemon(status, { timeout: STATUS_TIMEOUT_MS }),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: `Give up when the daemon does not answer within DURATION (default ${
          formatDuration(STATUS_TIMEOUT_MS)
        })`,
      },
    },
  },
  docs: {
    name: "status",
    group: "debug",
    brief: "show the daemon's state",
    description: [
      "Shows the state of the daemon: version, start, store, memory, what it holds, how fast it answers, and one line for each domain with its quotas in percent. Exits with status 1 when no daemon answers in time.",
    ],
    examples: [
      ["xs status", "print one figure a line"],
      ["xs --json status", "print one JSON object"],
    ],
  },
});
