import type { CommandContext, StricliProcess } from "@stricli/core";
import { fromByteText, Operations } from "../lib/client/operations.ts";
import { Session } from "../lib/client/session.ts";
import { findSocket } from "../lib/client/socket_path.ts";
import { openStream } from "../lib/client/stream.ts";
import { CLIENT_TIMEOUT_MS, WAITING_TIMEOUT_MS } from "../lib/limits.ts";
import { formatDuration } from "../lib/wire/duration.ts";
import { switchFlag, valueFlag } from "./flags.ts";
import { explainMissing } from "./missing.ts";
import { parseDurationOption } from "./parameters.ts";
import type { Shell } from "./shell.ts";

/** What every command of `xs` runs in. */
export interface XsContext extends CommandContext {
  readonly process: StricliProcess;
  readonly shell: Shell;
}

/** The options of every client command. */
export interface CommonFlags {
  readonly socket?: string;
  /** In ms. */
  readonly timeout?: number;
  readonly json?: boolean;
}

/** The parameters that go with {@link CommonFlags}. */
export const commonFlags = {
  socket: valueFlag(
    "PATH",
    "Connect to this socket (default XENSTORED_PATH, else XENSTORED_RUNDIR/socket, else /var/run/xenstored/socket)",
  ),
  timeout: valueFlag(
    "DURATION",
    `Give up when the daemon does not answer within DURATION (default ${
      formatDuration(CLIENT_TIMEOUT_MS)
    })`,
    parseDurationOption,
  ),
  json: switchFlag("Print one JSON object a line, also for errors"),
} as const;

/** The option that {@link socketOnlyFlag} reads. */
export interface SocketOnly {
  readonly socketOnly?: boolean;
}

/** The stock tools' -s, "only through the socket": accepted, and without meaning, as there. */
export const socketOnlyFlag = {
  ...switchFlag("Accepted, without effect, as by the stock tools"),
  hidden: true,
} as const;

/** The exit status, or false for 1. */
export type Status = void | boolean | number;

/** A command: it gets flags and words, and returns its status. */
export type Action<F, A extends readonly unknown[]> = (
  context: XsContext,
  flags: F,
  ...args: A
) => Promise<Status>;

/** A client command: it also gets the connection. */
export type ClientAction<F, A extends readonly unknown[]> = (
  context: XsContext,
  nodes: Operations,
  flags: F,
  ...args: A
) => Promise<Status>;

/** A command in the form that the command-line library calls. */
export type CommandFunction<F, A extends readonly unknown[]> = (
  this: XsContext,
  flags: F,
  ...args: A
) => Promise<void>;

/** A function that is loaded at its first call, since other commands do not need it. */
export function lazy<A extends readonly unknown[], R>(
  load: () => Promise<(...args: A) => Promise<R>>,
): (...args: A) => Promise<R> {
  return async (...args) => await (await load())(...args);
}

/** A command function that connects by itself, if at all. */
export function withContext<F, A extends readonly unknown[]>(
  action: Action<F, A>,
): CommandFunction<F, A> {
  return async function (this: XsContext, flags: F, ...args: A): Promise<void> {
    this.process.exitCode = exitCode(await action(this, flags, ...args));
  };
}

function exitCode(status: Status): number {
  return typeof status === "number" ? status : status === false ? 1 : 0;
}

/** The daemon's address, by the flags or the environment. */
export function socketPath({ around }: Shell, { socket }: CommonFlags): string {
  return findSocket(socket === undefined ? undefined : fromByteText(socket), around);
}

/**
 * Connects to the daemon that the flags or the surroundings name.
 *
 * @param timeout how long requests wait for an answer when the flags do not say, in ms.
 */
export async function openSession(
  shell: Shell,
  flags: CommonFlags,
  timeout: number = shell.timeout,
): Promise<Session> {
  const path = socketPath(shell, flags);
  return new Session(await openStream(path), path, {
    timeout: flags.timeout ?? timeout,
    clock: shell.clock,
  });
}

/**
 * The options of a command that waits for something: its --timeout is about that, and the daemon has
 * some time to answer even if that is short.
 */
function patience(flags: CommonFlags, shell: Shell): CommonFlags {
  if (flags.timeout === undefined) return flags;
  const least = Math.min(WAITING_TIMEOUT_MS, shell.timeout);
  return { ...flags, timeout: Math.max(flags.timeout, least) };
}

/** What {@link withDaemon} can be told. */
export interface DaemonOptions<F, A extends readonly unknown[]> {
  /** Looks at the command line before anything is done; throws a UsageError. */
  readonly check?: (flags: F, ...args: A) => void;
  /** A shorter time to wait for an answer than usual, in ms. */
  readonly timeout?: number;
  /** For a command that waits for something: no limit unless --timeout sets one. */
  readonly waits?: (flags: F, ...args: A) => boolean;
}

/**
 * A command function that connects and acts. Whatever goes wrong is thrown: `runApp` reports it.
 */
export function withDaemon<F extends CommonFlags, A extends readonly unknown[]>(
  action: ClientAction<F, A>,
  { check, timeout, waits }: DaemonOptions<F, A> = {},
): CommandFunction<F, A> {
  return async function (this: XsContext, flags: F, ...args: A): Promise<void> {
    check?.(flags, ...args);
    const usual = Math.min(timeout ?? Infinity, this.shell.timeout);
    const waiting = waits?.(flags, ...args) === true;
    const given = waiting ? patience(flags, this.shell) : flags;
    const session = await openSession(this.shell, given, waiting ? Infinity : usual);
    const nodes = new Operations(session);
    try {
      this.process.exitCode = exitCode(await action(this, nodes, flags, ...args));
    } catch (error) {
      throw await explainMissing(nodes, error);
    } finally {
      session.close();
    }
  };
}

/** Where a tool's output goes. */
export function printTo(context: XsContext): (text: string) => void {
  return (text) => context.shell.stdout.write(text);
}
