import { fromRoot } from "../../lib/files.ts";
import { isPidFileLocked } from "../../lib/server/process/pid_file.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import { runApp } from "../app.ts";
import { runtimeArguments } from "../runtime_arguments.ts";
import { flush, type Shell } from "../shell.ts";
import {
  readXenstoredOptions,
  XENSTORED_USAGE,
  type XenstoredOptions,
  XenstoredUsage,
} from "./xenstored_options.ts";

/** Runs the daemon as C xenstored is run; returns the exit status. */
export async function runXenstored(shell: Shell): Promise<number> {
  let options: XenstoredOptions;
  try {
    options = readXenstoredOptions(shell.args, (path) => fromRoot(path));
  } catch (error) {
    if (!(error instanceof XenstoredUsage)) throw error;
    shell.stderr.write(`xenstored: ${error.message}; see: xenstored --help\n`);
    return 1;
  }
  if (options.help) {
    shell.stdout.write(XENSTORED_USAGE);
    return 0;
  }
  const args = ["serve", ...options.serve];
  // It goes on in the background where the last one was.
  if (options.liveUpdate || options.trial) return await runApp({ ...shell, args });
  // One is there already: C xenstored takes that for success, and init scripts rely on it.
  if (options.pidFile !== null && isPidFileLocked(fromByteText(options.pidFile))) return 0;
  flush(shell.stderr);
  if (options.noFork) return await runApp({ ...shell, args });
  return await runInBackground(shell, [...args, "--syslog"].map(fromByteText));
}

/**
 * Starts ourselves again, detached, and waits until the daemon listens or has failed, whose
 * complaints go to our stderr.
 */
async function runInBackground(shell: Shell, args: readonly string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...runtimeArguments(), ...args],
    cwd: "/",
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints = relay(child.stderr, shell);
  const { value } = await child.stdout.getReader().read();
  // The daemon says where it listens, and nothing before.
  if (value !== undefined) return 0;
  const { code } = await child.status;
  await complaints;
  return code === 0 ? 1 : code;
}

async function relay(stream: ReadableStream<Uint8Array>, shell: Shell): Promise<void> {
  for await (const bytes of stream) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    shell.stderr.write(text);
    flush(shell.stderr);
  }
}
