import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { ControlFailure, controlTool } from "../../lib/client/tools/control.ts";
import type { Shell } from "../shell.ts";
import { baseName, openStockSession } from "./tools.ts";

/** Runs `xenstore-control` under its name; returns the exit status. */
export async function runStockControl(shell: Shell): Promise<number> {
  const [command, ...args] = shell.args;
  if (command === undefined) {
    shell.stderr.write(`Usage:\n${shell.program} <command> [<arg>...]\n`);
    return 2;
  }
  let session: Session;
  try {
    session = await openStockSession(shell);
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    shell.stderr.write("Failed to contact Xenstored.\n");
    return 1;
  }
  try {
    const print = (text: string): void => shell.stdout.write(text);
    await controlTool(new Operations(session), print, command, args);
    return 0;
  } catch (error) {
    if (error instanceof ControlFailure && (session.open || error.status === 2)) {
      shell.stderr.write(error.text);
      return error.status;
    }
    const cause = error instanceof ControlFailure ? error.cause : error;
    if (!(cause instanceof XenstoreError)) throw error;
    // The stock tool would wait for ever.
    shell.stderr.write(`${baseName(shell.program)}: ${cause.detail}\n`);
    return 3;
  } finally {
    session.close();
  }
}
