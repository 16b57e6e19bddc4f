/** The operator of a host whose daemon is to be replaced, and the daemons there are. */
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Message } from "./message.ts";
import type { RawClient } from "./raw_client.ts";
import { simulatedReferenceMissing } from "./reference/simulated.ts";
import type { SimulatedHost } from "./simulation/simulated_host.ts";
import { xsCommand } from "./daemon.ts";
import { deadline } from "./patience.ts";
import { type ServerProcess, startServer } from "./process.ts";

/** Debian's C xenstored, of Xen 4.17. */
export const C_XENSTORED = "/usr/lib/xen-4.17/bin/xenstored";

/** Why Debian's daemons can't be had here; undefined where they can. */
export const cMissing: string | undefined = await simulatedReferenceMissing();

/** What is to be run next, in the operator's words. */
export interface Next {
  readonly file: string;
  readonly commandLine?: string;
}

/** The `xs` under test, with a command line for a host where another daemon runs. */
export function nextXs(host: SimulatedHost, ...args: string[]): Next {
  const [file, ...words] = xsCommand();
  return { file, commandLine: [...words, ...serveWords(host), ...args].join(" ") };
}

function serveWords(host: SimulatedHost): string[] {
  return ["serve", "--socket", host.socketPath, "--xen", "yes"];
}

/** In these surroundings both xs and C xenstored serve the host. */
export function environment(host: SimulatedHost): Record<string, string> {
  return {
    ...host.env(),
    LD_PRELOAD: host.standIn,
    XENSTORED_RUNDIR: host.path,
    XENSTORED_ROOTDIR: host.path,
  };
}

/** Starts `xs` on a host where it can be replaced by C xenstored. */
export async function startXs(host: SimulatedHost, ...args: string[]): Promise<ServerProcess> {
  const [command, ...words] = xsCommand();
  return await startServer({
    name: "xs serve",
    command,
    args: [...words, ...serveWords(host), ...args],
    env: environment(host),
    cwd: host.path,
    socketPath: host.socketPath,
  });
}

/** Starts C xenstored on a host where it can be replaced by `xs`. */
export async function startC(host: SimulatedHost): Promise<ServerProcess> {
  return await startServer({
    name: "C xenstored",
    command: C_XENSTORED,
    args: ["-N", "-F", `${host.path}/pid`],
    env: environment(host),
    cwd: host.path,
    socketPath: host.socketPath,
  });
}

/** One `live-update` command. Returns its reply. */
export async function command(client: RawClient, ...words: string[]): Promise<string> {
  const payload = toBytes(["live-update", ...words].map((word) => `${word}\0`).join(""));
  const messages = await client.exchange({ type: MessageType.CONTROL, txId: 0, payload });
  return messages.at(-1)!.text.replace(/\0$/, "");
}

/** How often another client is answered before a request that is not is taken to wait. */
const ANSWERS_MEANWHILE = 10;

const START = { type: MessageType.TRANSACTION_START, txId: 0, payload: toBytes("\0") };
const BARRIER = { type: MessageType.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/**
 * Starts transactions, and ends them, until one has to wait: starts do so when the trial of the
 * next daemon is over, while old transactions keep the update from happening. `other` has requests
 * answered meanwhile.
 */
export async function startThatWaits(
  client: RawClient,
  other: RawClient,
): Promise<{ readonly reply: Promise<Message> }> {
  for (const end = deadline("a start that waits");; end.check()) {
    let isAnswered = false;
    const reply = client.exchange(START).then(([message]) => {
      isAnswered = true;
      return message!;
    });
    for (let i = 0; i < ANSWERS_MEANWHILE && !isAnswered; i++) await other.exchange(BARRIER);
    if (!isAnswered) return { reply };
    const { text } = await reply;
    const payload = toBytes("F\0");
    await client.exchange({ type: MessageType.TRANSACTION_END, txId: parseInt(text), payload });
  }
}

/** What `xenstore-control live-update` does, on a connection of the caller's. */
export async function update(
  client: RawClient,
  { commandLine, file }: Next,
  ...start: string[]
): Promise<string> {
  const named = await command(client, "-f", file);
  if (named !== "OK") return named;
  if (commandLine !== undefined) await command(client, "-c", commandLine);
  const reply = await command(client, "-s", ...start);
  if (reply !== "OK") await command(client, "-a");
  return reply;
}
