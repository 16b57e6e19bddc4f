import { V8_FLAGS } from "../../lib/limits.ts";
import { makeScratch } from "./scratch.ts";
import { type ServerProcess, startServer } from "./process.ts";

export interface DaemonOptions {
  /** Where it listens; unless told, `socket` in a new temporary folder that `stop` removes. */
  readonly socket?: string;
  /** More arguments of `xs serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The command that runs `xs`: the compiled binary that XS_BINARY names, else the source. */
export function xsCommand(): readonly [string, ...string[]] {
  const binary = Deno.env.get("XS_BINARY");
  if (binary !== undefined && binary !== "") return [binary];
  const main = new URL("../../cmd/main.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", `--v8-flags=${V8_FLAGS.join(",")}`, main];
}

/**
 * Runs `xs serve` and waits until it accepts connections.
 * @example
 * ```ts ignore
 * await using daemon = await startDaemon();
 * const connection = await Deno.connect({ transport: "unix", path: daemon.socketPath });
 * ```
 * @throws {Error} when it does not come up; the message holds what it printed
 */
export async function startDaemon(options: DaemonOptions = {}): Promise<ServerProcess> {
  const scratch = options.socket === undefined ? await makeScratch() : undefined;
  const socketPath = options.socket ?? `${scratch?.path}/socket`;
  const [command, ...args] = xsCommand();
  try {
    return await startServer({
      name: "xs serve",
      command,
      args: [...args, "serve", "--socket", socketPath, ...(options.args ?? [])],
      ...(options.env === undefined ? {} : { env: options.env }),
      socketPath,
      ...(scratch === undefined ? {} : { cleanUp: () => scratch[Symbol.asyncDispose]() }),
    });
  } catch (error) {
    await scratch?.[Symbol.asyncDispose]();
    throw error;
  }
}
