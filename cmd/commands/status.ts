import { buildCommand, type XsCommand } from "../command.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { fromByteText, type Operations, toByteText } from "../../lib/client/operations.ts";
import type { Status } from "../../lib/engine/status.ts";
import { STATUS_TIMEOUT_MS } from "../../lib/limits.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { CommandError } from "../report.ts";
import { readable } from "../shell.ts";

async function status({ shell }: XsContext, nodes: Operations, flags: CommonFlags): Promise<void> {
  const found: Status = JSON.parse(fromByteText(await ask(nodes)));
  if (flags.json) printJson(shell.stdout, found);
  else shell.stdout.write(readable(toByteText(statusText(found))));
}

async function ask(nodes: Operations): Promise<string> {
  try {
    return await nodes.ask(MessageType.CONTROL, "control", "status");
  } catch (error) {
    if (!(error instanceof XenstoreError) || error.code !== "EINVAL") throw error;
    throw new CommandError("the daemon does not know this command (it is an older xs, or not xs)");
  }
}

/** One line for each thing, its name first. */
function statusText(
  { busiest, counts, memory, pid, store, uptimeMs, version, work }: Status,
): string {
  const lines: (readonly [string, string])[] = [
    ["version", version],
    ["pid", `${pid}`],
    ["uptime", formatDuration(Math.floor(uptimeMs / 1_000) * 1_000)],
    ["persist", store.persist],
  ];
  if (store.path !== null) {
    lines.push(["store", store.path]);
    for (const { name, bytes } of store.files) lines.push(["store file", `${name} ${size(bytes)}`]);
    lines.push(["journal", size(store.journalBytes)]);
  }
  for (const [name, count] of Object.entries(counts)) lines.push([name, `${count}`]);
  for (const [name, bytes] of Object.entries(memory)) lines.push([`memory ${name}`, size(bytes)]);
  lines.push(["turns", `${work.turns}`], ["units of work", `${work.units}`]);
  for (const { client, units } of busiest) lines.push(["busiest", `${units} ${client}`]);
  return lines.map(([name, text]) => `${name.padEnd(NAME_COLUMNS)} ${text}\n`).join("");
}

const NAME_COLUMNS = 16;

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  return bytes < 10_000_000
    ? `${(bytes / 1024).toFixed(0)} KiB`
    : `${(bytes / 1_048_576).toFixed(1)} MiB`;
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
      "Shows the state of the daemon: version, store, memory, and how much it holds. Exits with status 1 when no daemon answers in time.",
    ],
    examples: [
      ["xs status", "print one figure a line"],
      ["xs --json status", "print one JSON object"],
    ],
  },
});
