import { buildCommand, type Command } from "@stricli/core";
import { XenstoreError } from "../../lib/client/error.ts";
import { fromByteText, Operations, toByteText } from "../../lib/client/operations.ts";
import type { Status } from "../../lib/engine/status.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { type CommonFlags, commonFlags, openSession, type XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { parseSeconds } from "../parameters.ts";
import { CommandError, reportFailure } from "../report.ts";
import { readable, type Shell } from "../shell.ts";

/** How long the daemon may take to answer, in seconds: it takes milliseconds. */
const TIMEOUT_S = 2;

interface StatusFlags extends CommonFlags {
  readonly timeout?: number;
}

async function run(this: XsContext, flags: StatusFlags): Promise<void> {
  const { stdout, stderr } = this.shell;
  try {
    const status = await askInTime(this.shell, flags);
    if (flags.json) printJson(stdout, status);
    else stdout.write(readable(toByteText(statusText(status))));
    this.process.exitCode = 0;
  } catch (error) {
    this.process.exitCode = reportFailure(stderr, error, flags.json === true);
  }
}

async function askInTime(shell: Shell, flags: StatusFlags): Promise<Status> {
  const { timeout = TIMEOUT_S } = flags;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const hint = "it may be stopped or very busy; --timeout sets the limit";
    late.reject(
      new CommandError(`status: the daemon did not answer within ${timeout} s (${hint})`),
    );
  }, timeout * 1000);
  const opening = openSession(shell, flags);
  try {
    const session = await Promise.race([opening, late.promise]);
    return JSON.parse(
      fromByteText(await Promise.race([ask(new Operations(session)), late.promise])),
    );
  } finally {
    clearTimeout(timer);
    opening.then((session) => session.close(), () => {});
  }
}

async function ask(nodes: Operations): Promise<string> {
  try {
    return await nodes.ask(MessageType.CONTROL, "control", "status");
  } catch (error) {
    if (!(error instanceof XenstoreError) || error.code !== "EINVAL") throw error;
    const why = "this daemon has no such command: it is an older xs, or not xs";
    throw new CommandError(`status: ${why} (EINVAL)`);
  }
}

/** One line for each thing, its name first. */
function statusText({ counts, memory, pid, store, uptimeMs, version, work }: Status): string {
  const lines: (readonly [string, string])[] = [
    ["version", version],
    ["pid", `${pid}`],
    ["uptime", duration(uptimeMs)],
    ["persist", store.persist],
  ];
  if (store.path !== null) {
    lines.push(["store", store.path]);
    for (const { name, bytes } of store.files) lines.push(["store file", `${name} ${size(bytes)}`]);
    lines.push(["journal", size(store.journalBytes)]);
  }
  for (const [name, count] of Object.entries(counts)) lines.push([name, `${count}`]);
  for (const [name, bytes] of Object.entries(memory)) lines.push([`memory ${name}`, size(bytes)]);
  lines.push(["turns", `${work.turns}`]);
  return lines.map(([name, text]) => `${name.padEnd(NAME_COLUMNS)} ${text}\n`).join("");
}

const NAME_COLUMNS = 16;

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  return bytes < 10_000_000
    ? `${(bytes / 1024).toFixed(0)} KiB`
    : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** Such as `1d2h3m4s`: what durations that people type look like. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${unit}`);
  return `${shown.join("")}${seconds % 60}s`;
}

/** `xs status`. */
export const statusCommand: Command<XsContext> = buildCommand<StatusFlags, [], XsContext>({
  func: run,
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        kind: "parsed",
        parse: parseSeconds,
        optional: true,
        placeholder: "seconds",
        brief: `Give up after so long, with exit status 1 [${TIMEOUT_S}]`,
      },
    },
  },
  docs: {
    brief: "Tell how the daemon is: version, store, memory, what it holds",
    fullDescription:
      "Prints one line for each figure, or one JSON object. Exit status 1 when no\n" +
      "daemon answers in time.",
  },
});
