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

/** Reads the arguments behind `live-update`; the last word that is no option is the file. */
export function readLiveUpdate(args: readonly string[]): LiveUpdateRequest {
  let file: string | undefined;
  let commandLine: string | undefined;
  let timeout = "60";
  let force = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "-F") force = true;
    else if (word === "-c") commandLine = needed(args[++i], "Missing command line value\n");
    else if (word === "-t") timeout = needed(args[++i], "Missing timeout value\n");
    else file = word;
  }
  file = needed(file, "Missing binary specification\n");
  return commandLine === undefined
    ? { file, timeout, force }
    : { file, commandLine, timeout, force };
}

function needed(value: string | undefined, complaint: string): string {
  if (value === undefined) throw new ControlFailure(2, complaint);
  return value;
}

async function liveUpdate(nodes: Operations, request: LiveUpdateRequest): Promise<void> {
  const ask = async (failure: string, ...args: string[]): Promise<void> => {
    const reply = await controlOrFail(nodes, ["live-update", ...args]);
    if (reply !== "OK") throw new ControlFailure(3, `${failure}\n${reply}\n`);
  };
  await ask("Setting update binary failed:", "-f", request.file);
  if (request.commandLine !== undefined) {
    await ask("Setting update binary failed:", "-c", request.commandLine);
  }
  const start = ["live-update", "-s", "-t", request.timeout, ...(request.force ? ["-F"] : [])];
  const deadline = Date.now() + 1000 * Number.parseInt(request.timeout, 10);
  let reply = await controlOrFail(nodes, start);
  while (reply === "BUSY" && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, LIVE_UPDATE_PAUSE));
    reply = await controlOrFail(nodes, start);
  }
  if (reply !== "OK") {
    await control(nodes, ["live-update", "-a"]).catch(() => {});
    throw new ControlFailure(3, `Starting live update failed:\n${reply}\n`);
  }
}
