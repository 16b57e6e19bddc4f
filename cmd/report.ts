import { XenstoreError } from "../lib/client/error.ts";
import { ControlFailure } from "../lib/client/tools/control.ts";
import { ToolFailure } from "../lib/client/tools/failure.ts";
import { printJson, textJson } from "./json.ts";
import { type Output, readable } from "./shell.ts";

/** The command line asks for something that cannot be: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command could not do what was asked: exit status 1, and the message says why. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Paths as the daemon takes them (xenstore.txt, "Keys"). */
const wellFormed = /^(?:\/|@?[\w@-]+(?:\/[\w@-]+)*|(?:\/[\w@-]+)+)$/;

const PATH_RULE = "a path has only A-Z a-z 0-9 - / _ @, no doubled slash and none at its end";

interface Failure {
  readonly code: string;
  readonly path: string | null;
  readonly message: string;
}

/** Prints a failure in one line; returns the exit status. Unknown errors are passed on. */
export function reportFailure(stderr: Output, error: unknown, json: boolean): number {
  const failure = describe(error);
  if (failure === null) throw error;
  if (json) {
    const path = failure.path === null ? null : textJson(failure.path);
    const message = textJson(failure.message);
    printJson(stderr, { code: failure.code, path, message });
  } else {
    stderr.write(`xs: ${readable(failure.message)}\n`);
  }
  return error instanceof UsageError ? 2 : 1;
}

function describe(error: unknown): Failure | null {
  if (error instanceof ToolFailure || error instanceof ControlFailure) {
    if (error.cause !== undefined) return describe(error.cause);
    return { code: "FAILED", path: null, message: (error.text ?? "failed").trimEnd() };
  }
  if (error instanceof XenstoreError) return describeXenstore(error);
  if (error instanceof UsageError) return { code: "USAGE", path: null, message: error.message };
  if (error instanceof CommandError) return { code: "FAILED", path: null, message: error.message };
  return null;
}

function describeXenstore(error: XenstoreError): Failure {
  const { code, operation } = error;
  const path = error.path === "" ? null : error.path;
  let { message } = error;
  if (code === "EINVAL" && operation === "control") {
    message = `control ${path}: not a command of this daemon, or not its arguments;` +
      " `xs control help` lists what there is (EINVAL)";
  } else if (code === "EINVAL" && path !== null && !wellFormed.test(path)) {
    message = `${operation} ${path}: ${PATH_RULE} (EINVAL)`;
  }
  return { code, path, message };
}
