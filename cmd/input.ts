import { systemAdvice } from "../lib/wire/system_error.ts";
import { CommandError } from "./report.ts";
import type { Shell } from "./shell.ts";

/** All of standard input. @throws {CommandError} when it cannot be read. */
export async function readStdin(shell: Shell): Promise<Uint8Array> {
  try {
    return await shell.stdin();
  } catch (error) {
    throw new CommandError(`cannot read standard input: ${systemAdvice(error, "read")}`);
  }
}

/**
 * The bytes of the file that `option` names; `-` is standard input.
 *
 * @throws {CommandError} when it cannot be read.
 */
export async function readInput(shell: Shell, option: string, file: string): Promise<Uint8Array> {
  if (file === "-") return await readStdin(shell);
  try {
    return await shell.readFile(file);
  } catch (error) {
    throw new CommandError(systemAdvice(error, "read"), `${option} ${file}`);
  }
}
