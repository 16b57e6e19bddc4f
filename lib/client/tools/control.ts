import { sleep } from "../../clock.ts";
import { MessageType } from "../../wire/message_type.ts";
import { systemNumber, XenstoreError } from "../error.ts";
import type { Operations } from "../operations.ts";
import type { Print } from "./run.ts";

/** A failure of `xenstore-control`, which has an exit status for each kind. */
export class ControlFailure extends Error {
  override readonly name = "ControlFailure";

  constructor(
    readonly status: 1 | 2 | 3,
    /** What goes to stderr, line breaks included. */
    readonly text: string,
    override readonly cause?: unknown,
    /** What the daemon said, where it refused. */
    readonly reply: string | null = null,
  ) {
    super(text);
  }
}

/**
 * What `xenstore-control live-update` was given: an update of a daemon, whose program is a file on
 * this host. Of a Xenstore stub domain, whose image would have to be sent, it is not.
 */
export interface LiveUpdateRequest {
  readonly file: string;
  readonly commandLine?: string;
  /** Seconds to wait for running transactions. */
  readonly timeout: string;
  readonly force: boolean;
  /** Of the migration stream; only `xs control` takes it. */
  readonly version?: string;
}

/** Longest wait between two tries to start a live update, in milliseconds (the stock tool's). */
const LIVE_UPDATE_PAUSE = 1000;

function control(nodes: Operations, strings: readonly string[]): Promise<string> {
  return nodes.ask(MessageType.CONTROL, "control", ...strings);
}

/**
 * `xenstore-control`: sends a command, prints its answer.
 *
 * @throws {ControlFailure} with what belongs on stderr.
 */
export async function controlTool(
  nodes: Operations,
  print: Print,
  command: string,
  args: readonly string[],
): Promise<void> {
  if (command === "live-update") return await liveUpdate(nodes, readLiveUpdate(args));
  await tell(nodes, print, command, args);
}

/** Words that begin a part of the exchange by which a live update is asked for. */
const PARTS = new Set(["-a", "-f", "-s"]);

/**
 * `xs control`: sends a command as it was told, and prints its answer. Only for `live-update FILE` with
 * the options of `xenstore-control` it goes through the exchange to its end.
 *
 * @throws {ControlFailure} with what belongs on stderr.
 */
export async function xsControlTool(
  nodes: Operations,
  print: Print,
  command: string,
  args: readonly string[],
): Promise<void> {
  if (command === "live-update" && !PARTS.has(args[0] ?? "")) {
    return await liveUpdate(nodes, readLiveUpdate(args, true));
  }
  await tell(nodes, print, command, args);
}

async function tell(
  nodes: Operations,
  print: Print,
  command: string,
  args: readonly string[],
): Promise<void> {
  const reply = await controlOrFail(nodes, [command, ...args]);
  if (reply !== "") print(`${reply}\n`);
}

async function controlOrFail(nodes: Operations, strings: readonly string[]): Promise<string> {
  try {
    return await control(nodes, strings);
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    if (error.code !== "EINVAL") {
      const text = `Error ${systemNumber(error.code)} when trying to execute command.\n`;
      throw new ControlFailure(3, text, error);
    }
    const help = await control(nodes, ["help"]).catch(() => null);
    const text = help === null
      ? "Error when executing command.\n"
      : `Command not supported. Valid commands are:\n${help}\n`;
    throw new ControlFailure(3, text, error);
  }
}

/**
 * Reads the arguments behind `live-update`; the last word that is no option is the file. To the stock
 * tool any unknown option is one; `strict` refuses it.
 */
export function readLiveUpdate(args: readonly string[], strict = false): LiveUpdateRequest {
  let file: string | undefined;
  let commandLine: string | undefined;
  let version: string | undefined;
  let timeout = "60";
  let force = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "-F") force = true;
    else if (word === "-c") commandLine = needed(args[++i], "Missing command line value\n");
    else if (word === "-t") timeout = needed(args[++i], "Missing timeout value\n");
    else if (strict && word === "-v") version = needed(args[++i], "Missing version\n");
    else if (strict && word.startsWith("-")) {
      throw new ControlFailure(2, `Unknown option ${word}\n`);
    } else file = word;
  }
  return {
    file: needed(file, "Missing binary specification\n"),
    ...(commandLine === undefined ? {} : { commandLine }),
    ...(version === undefined ? {} : { version }),
    timeout,
    force,
  };
}

function needed(value: string | undefined, complaint: string): string {
  if (value === undefined) throw new ControlFailure(2, complaint);
  return value;
}

/**
 * Has the daemon replaced, and waits until the next one serves.
 *
 * @throws {ControlFailure} when it is not, with what the daemon said.
 */
export async function liveUpdate(nodes: Operations, request: LiveUpdateRequest): Promise<void> {
  const ask = async (failure: string, ...args: string[]): Promise<void> => {
    const reply = await controlOrFail(nodes, ["live-update", ...args]);
    if (reply !== "OK") throw new ControlFailure(3, `${failure}\n${reply}\n`, undefined, reply);
  };
  await ask("Setting update binary failed:", "-f", request.file);
  if (request.commandLine !== undefined) {
    await ask("Setting update binary failed:", "-c", request.commandLine);
  }
  const { force, timeout, version } = request;
  const start = ["live-update", "-s", "-t", timeout];
  if (force) start.push("-F");
  if (version !== undefined) start.push("-v", version);
  const { clock } = nodes.session;
  const deadline = clock.now() + 1000 * Number.parseInt(timeout, 10);
  let reply = await controlOrFail(nodes, start);
  while (reply === "BUSY" && clock.now() < deadline) {
    await sleep(clock, LIVE_UPDATE_PAUSE);
    reply = await controlOrFail(nodes, start);
  }
  if (reply !== "OK") {
    await control(nodes, ["live-update", "-a"]).catch(() => {});
    const text = `Starting live update failed:\n${reply}\n`;
    throw new ControlFailure(3, text, undefined, reply);
  }
}
