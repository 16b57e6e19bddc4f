import { fromByteText, toByteText } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { findSocket } from "../../lib/client/socket_path.ts";
import { openStream } from "../../lib/client/stream.ts";
import { TraceDecoder } from "../../lib/client/trace/entries.ts";
import { clientText, entryJson, entryText } from "../../lib/client/trace/entry_text.ts";
import {
  type EventDifference,
  Replay,
  type ReplayDifference,
  TooManyClients,
} from "../../lib/client/trace/replay.ts";
import { realPath } from "../../lib/files.ts";
import { escapeBytes } from "../../lib/wire/escape.ts";
import { textJson } from "../../lib/wire/json.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { CommandError } from "../report.ts";
import type { Shell } from "../shell.ts";
import { RecordingReader } from "./recording_reader.ts";
import { counted } from "../../lib/wire/counted.ts";

/** The options of `xs replay`. */
export interface ReplayFlags extends CommonFlags {
  readonly against?: string;
  readonly yes?: boolean;
}

/** Sends a recording again; false when something differs. */
export async function replay(
  { shell }: XsContext,
  flags: ReplayFlags,
  file: string,
): Promise<boolean> {
  using recording = new RecordingReader(file);
  const path = socketOf(shell, flags);
  const { clock, stdout } = shell;
  const timeout = flags.timeout ?? shell.timeout;
  const open = async (): Promise<Session> =>
    new Session(await openStream(path), path, { clock, timeout });
  const tell = (difference: ReplayDifference | EventDifference): void => {
    if (flags.json === true) printJson(stdout, differenceJson(difference));
    else stdout.write(`${toByteText(differenceText(difference))}\n`);
  };
  // A recording without calls would not show that there is no daemon.
  (await open()).close();
  const run = new Replay(open, tell);
  const decoder = new TraceDecoder();
  try {
    for (let frames = recording.next(); frames !== null; frames = recording.next()) {
      await run.add(decoder.add(frames));
    }
    await run.add(decoder.rest());
  } catch (error) {
    if (!(error instanceof TooManyClients)) throw error;
    await run.end();
    throw new CommandError(error.message, file);
  }
  await run.end();
  const { differences, notSent, sent } = run.result;
  const kinds = [...notSent].map(([kind, count]) => `${count} ${kind}`).join(", ");
  if (flags.json === true) {
    printJson(stdout, { kind: "end", sent, differences, notSent: Object.fromEntries(notSent) });
  } else {
    const left = kinds === "" ? "" : `; not sent: ${kinds}`;
    stdout.write(
      toByteText(`${counted(sent, "call")} sent, ${counted(differences, "difference")}${left}\n`),
    );
  }
  const { damage } = recording;
  if (damage !== null) throw new CommandError(`${damage}; replay sent all before that`, file);
  return differences === 0;
}

/** @throws {CommandError} when it is the host's own daemon, and --yes is not given. */
function socketOf(shell: Shell, { against, socket, yes }: ReplayFlags): string {
  const own = findSocket(undefined, shell.around);
  const given = against ?? socket;
  const path = findSocket(given === undefined ? undefined : fromByteText(given), shell.around);
  if (yes === true || realPath(path) !== realPath(own)) return path;
  throw new CommandError(
    "replay changes nodes of the host's own daemon (name another with --against, or add --yes)",
    path,
  );
}

function differenceText(difference: ReplayDifference | EventDifference): string {
  if (difference.kind === "events") {
    const { client, now, path, recorded, token } = difference;
    return `${clientText(client)} event ${escapeBytes(path)} "${escapeBytes(token)}": ` +
      `${recorded} recorded, ${now} now`;
  }
  const { call, now } = difference;
  const shown = call.reply.hidden ? `<${counted(now.length, "byte")} hidden>` : escapeBytes(now);
  return `${entryText(call)}, now ${shown}`;
}

function differenceJson(difference: ReplayDifference | EventDifference): object {
  if (difference.kind === "events") {
    const { now, path, recorded, token } = difference;
    return { kind: "events", path: textJson(path), token: textJson(token), recorded, now };
  }
  const { call, isError, now } = difference;
  const shown = call.reply.hidden ? { hidden: now.length } : textJson(now);
  return { kind: "reply", call: entryJson(call), ...(isError ? { error: shown } : { now: shown }) };
}
