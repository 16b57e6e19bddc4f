/** The history of a daemon as log records of OpenTelemetry: the runtime exports what the console is given. */
import { sleep } from "../lib/clock.ts";
import { fromByteText, toByteText } from "../lib/client/operations.ts";
import { runtimeArguments } from "./runtime_arguments.ts";
import type { Shell } from "./shell.ts";

/** What ends the work. */
export interface Ending {
  readonly isOver: boolean;
  readonly ended: Promise<void>;
}

/**
 * Gives the console each record of the history as it comes, one JSON object each, until the end. What comes while the
 * daemon is away is there when it is back: each time it goes on from the last record's time.
 *
 * @param retryMs how long to wait before another try, when `xs log` has ended.
 */
export async function exportHistory(
  shell: Shell,
  socket: string | undefined,
  retryMs: number,
  ending: Ending,
): Promise<void> {
  let since = new Date(Math.floor(shell.clock.wall() / 1_000)).toISOString(), last = -1;
  while (!ending.isOver) {
    const place = socket === undefined ? [] : ["--socket", fromByteText(socket)];
    const child = new Deno.Command(Deno.execPath(), {
      args: [...runtimeArguments(), "log", "--follow", "--json", "--since", since, ...place],
      // The records are exported by this process, once.
      env: { OTEL_DENO: "false" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    void ending.ended.then(() => child.kill("SIGTERM")).catch(() => {});
    const complaint = new Response(child.stderr).text();
    for await (const line of linesOf(child.stdout)) {
      const record = JSON.parse(line);
      if (typeof record.number !== "number" || record.number <= last) continue;
      last = record.number;
      since = record.at;
      console.log(line);
    }
    await child.status;
    const why = await complaint;
    if (ending.isOver) return;
    shell.stderr.write(toByteText(why));
    await Promise.race([ending.ended, sleep(shell.clock, retryMs)]);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
