import type { CommandContext, StricliProcess } from "@stricli/core";
import { XenstoreError } from "../lib/client/error.ts";
import { Operations } from "../lib/client/operations.ts";
import { Session } from "../lib/client/session.ts";
import { findSocket } from "../lib/client/socket_path.ts";
import { openStream } from "../lib/client/stream.ts";
import { fromByteText } from "../lib/client/operations.ts";
import { reportFailure } from "./report.ts";
import type { Shell } from "./shell.ts";

/** What every command of `xs` runs in. */
export interface XsContext extends CommandContext {
  readonly process: StricliProcess;
  readonly shell: Shell;
}

/** The options of every client command. */
export interface CommonFlags {
  readonly socket?: string;
  readonly json?: boolean;
}

/** The parameters that go with {@link CommonFlags}. */
export const commonFlags = {
  socket: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "path",
    brief: "The daemon's socket [XENSTORED_PATH, else XENSTORED_RUNDIR/socket]",
  },
  json: {
    kind: "boolean",
    optional: true,
    withNegated: false,
    brief: "Print one JSON object a line, errors too",
  },
} as const;

/** The stock tools' -s, "only through the socket": accepted, and without meaning, as there. */
export const socketOnlyFlag = {
  kind: "boolean",
  optional: true,
  hidden: true,
  withNegated: false,
  brief: "Accepted for the stock tools' sake",
} as const;

/** What a client command does with its connection; false means exit status 1. */
export type ClientAction<F, A extends readonly unknown[]> = (
  context: XsContext,
  nodes: Operations,
  flags: F,
  ...args: A
) => Promise<void | boolean>;

/** Connects to the daemon that the flags or the surroundings name. */
export async function openSession(shell: Shell, flags: CommonFlags): Promise<Session> {
  const told = flags.socket === undefined ? undefined : fromByteText(flags.socket);
  const path = findSocket(told, shell.around);
  return new Session(await openStream(path), path);
}

/**
 * A command function that connects, acts, and says what went wrong in one line.
 *
 * @param check looks at the command line before anything is done; throws a UsageError.
 */
export function withDaemon<F extends CommonFlags, A extends readonly unknown[]>(
  action: ClientAction<F, A>,
  check?: (flags: F, ...args: A) => void,
): (this: XsContext, flags: F, ...args: A) => Promise<void> {
  return async function (this: XsContext, flags: F, ...args: A): Promise<void> {
    let session: Session | undefined;
    try {
      check?.(flags, ...args);
      session = await openSession(this.shell, flags);
      const success = await action(this, new Operations(session), flags, ...args);
      this.process.exitCode = success === false ? 1 : 0;
    } catch (error) {
      this.process.exitCode = reportFailure(this.shell.stderr, error, flags.json === true);
    } finally {
      session?.close();
    }
  };
}

/** Whether an error says that there is no such node. */
export function isMissing(error: unknown): boolean {
  return error instanceof XenstoreError && error.code === "ENOENT" && error.operation !== "connect";
}
