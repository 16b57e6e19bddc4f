/** How every failure of `xs` comes to stderr: one line, in one form (docs/style.md). */
import { XenstoreError } from "../lib/client/error.ts";
import { toByteText } from "../lib/client/operations.ts";
import { StepError } from "../lib/client/script.ts";
import { ControlFailure } from "../lib/client/tools/control.ts";
import { ToolFailure } from "../lib/client/tools/failure.ts";
import { isSystemError, systemReason } from "../lib/wire/system_error.ts";
import { printJson, textJson } from "./json.ts";
import { type Output, readable, type Shell } from "./shell.ts";

/**
 * A failure with its object (a path, a file, an option) and what is wrong with it. The report puts
 * the command before them.
 */
abstract class Failure extends Error {
  constructor(readonly text: string, readonly object: string = "") {
    super(object === "" ? text : `${object}: ${text}`);
  }
}

/** The exit status of a shell for SIGINT. */
export const STATUS_INTERRUPTED = 130;

/** The error text for a daemon that does not know a command. */
export const OLDER_DAEMON = "the daemon does not know this command (it is an older xs, or not xs)";

/** The command line is wrong: exit status 2. */
export class UsageError extends Failure {
  override readonly name = "UsageError";
}

/** The command failed: exit status 1. */
export class CommandError extends Failure {
  override readonly name = "CommandError";
}

/** Turns a library's failure into one of the command. */
export function asFailure({ object, text }: Pick<Failure, "object" | "text">): CommandError {
  return new CommandError(toByteText(text), toByteText(object));
}

/** A failure that ends a command with a status of its own. */
export class StatusError extends Error {
  override readonly name = "StatusError";

  constructor(override readonly cause: unknown, readonly status: number) {
    super("failed");
  }
}

/** Paths as the daemon takes them (xenstore.txt, "Keys"). */
const wellFormed = /^(?:\/|@?[\w@-]+(?:\/[\w@-]+)*|(?:\/[\w@-]+)+)$/;

const PATH_RULE = "a path has only A-Z a-z 0-9 - / _ @, no doubled slash and none at its end";

const QUOTA_HINT = "`xs quota DOMID` shows the quotas, the daemon's log which it was";

/** What is reported: {@link describe} makes it of whatever was thrown. */
interface Report {
  readonly code: string;
  readonly path: string | null;
  readonly object: string;
  readonly text: string;
  readonly status: number;
}

/** How a failure is reported. */
export interface ReportOptions {
  /** The command that failed, as the user typed it; empty for none. */
  readonly command: string;
  readonly json: boolean;
  /** Whether the failure's strings are text, and not one character a byte. */
  readonly isText?: boolean;
}

/**
 * Prints a failure in one line; returns the exit status. Whatever was thrown, no text of the
 * runtime's gets out.
 */
export function reportFailure(
  stderr: Output,
  error: unknown,
  { command, isText = false, json }: ReportOptions,
): number {
  const { code, object, path, status, text } = describe(error);
  // What `xs status` asks with is a word of CONTROL by the same name.
  const subject = [command, object === command ? "" : object].filter((word) => word !== "").join(
    " ",
  );
  const hint = code === "USAGE" && !text.endsWith(")")
    ? ` (see: xs ${/^[a-z]+(?:-[a-z]+)*$/.test(command) ? `${command} ` : ""}--help)`
    : "";
  const line = `${subject === "" ? "" : `${subject}: `}${text}${hint}`;
  const message = oneLine(isText ? toByteText(line) : line);
  if (json) {
    const shown = path === null ? null : textJson(path);
    printJson(stderr, { code, path: shown, message: textJson(message) });
  } else {
    stderr.write(`xs: ${readable(message)}\n`);
  }
  return status;
}

/**
 * Prints a failure that no command has reported, under the name that the program was called by;
 * returns the exit status.
 */
export function reportUncaught({ args, program, stderr }: Shell, error: unknown): number {
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (!/^xenstored?(?:-|$)/.test(name)) {
    const command = args.find((word) => /^[a-z]/.test(word)) ?? "";
    // A daemon cannot be asked to fail once more: the way to a defect goes to its log, as one line.
    if (command === "serve" && error instanceof Error && !isSystemError(error)) {
      stderr.write(`xs: error: ${readable(oneLine(toByteText(error.stack ?? "")))}\n`);
    }
    return reportFailure(stderr, error, { command, json: args.includes("--json") });
  }
  const { object, text } = describe(error);
  const line = readable(oneLine(`${object === "" ? "" : `${object}: `}${text}`));
  stderr.write(`${name}: ${line}\n`);
  return 1;
}

/** One line, whatever a path or a daemon's answer has in it. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ");
}

function describe(error: unknown): Report {
  if (error instanceof StatusError) return { ...describe(error.cause), status: error.status };
  if (error instanceof UsageError) return failed(error.text, error.object, "USAGE", 2);
  if (error instanceof CommandError) return failed(error.text, error.object);
  if (error instanceof XenstoreError) return describeXenstore(error);
  if (error instanceof StepError) {
    const cause = describe(error.cause);
    const object = `line ${error.line}: ${error.kind} ${cause.object}`.trimEnd();
    return { ...cause, object };
  }
  if (error instanceof ToolFailure || error instanceof ControlFailure) {
    if (error.cause !== undefined) return describe(error.cause);
    return failed((error.text ?? "failed").trimEnd());
  }
  if (isSystemError(error)) return failed(systemReason(error));
  const text = error instanceof Error ? error.message : String(error);
  return failed(`internal error: ${text} (a defect of xs: please report it)`);
}

function failed(text: string, object = "", code = "FAILED", status = 1): Report {
  return { code, path: null, object, text, status };
}

function describeXenstore(error: XenstoreError): Report {
  const { code, operation } = error;
  const path = error.path === "" ? null : error.path;
  if (operation === "connect") {
    const socket = toByteText(error.path);
    const text = `cannot connect to ${socket}: ${textOf(error, null)}`;
    return { code, path: socket, object: "", text, status: 1 };
  }
  return { code, path, object: error.path, text: textOf(error, path), status: 1 };
}

function textOf({ code, detail, operation }: XenstoreError, path: string | null): string {
  if (code === "EINVAL" && operation === "control") {
    return "unknown command, or wrong arguments (`xs control help` lists the daemon's commands)";
  }
  // There are no nodes among what CONTROL speaks of.
  if (code === "ENOENT" && operation === "control") {
    return /^quota\b/.test(path ?? "") ? `no such domain (${code})` : `not found (${code})`;
  }
  if (code === "EINVAL" && path !== null && !wellFormed.test(path)) {
    return `invalid path (${PATH_RULE})`;
  }
  if (code === "ETIMEDOUT") {
    return `${detail} (it may be stopped or very busy; --timeout sets the limit)`;
  }
  if (code === "ENOSPC") return `${detail} (${QUOTA_HINT})`;
  return detail.endsWith(")") ? detail : `${detail} (${code})`;
}
