/** The servers that other people's clients are pointed at: ours, then the two that they know. */
import { referenceMissing, startReference } from "../support/reference/daemon.ts";
import { startDaemon } from "../support/daemon.ts";
import type { ServerProcess } from "../support/process.ts";

export interface ServerUnderTest {
  readonly name: string;
  /** Why it can't run here; undefined where it can. */
  readonly missing: string | undefined;
  start(): Promise<ServerProcess>;
}

/** The reference daemons are there to show that the client's script itself is right. */
export async function serversUnderTest(): Promise<readonly ServerUnderTest[]> {
  const missing = await referenceMissing();
  return [
    { name: "xs", missing: undefined, start: () => startDaemon() },
    { name: "C xenstored", missing, start: () => startReference("c") },
    { name: "oxenstored", missing, start: () => startReference("o") },
  ];
}

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a client against a server until it ends, or kills it after `limitMs`. */
export async function runClient(
  server: ServerProcess,
  command: string,
  args: readonly string[],
  limitMs: number,
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { XENSTORED_PATH: server.socketPath },
    stdin: "null",
    signal: AbortSignal.timeout(limitMs),
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}
