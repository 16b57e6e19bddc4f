import { OptionError, systemMessage } from "../lib/wire/system_error.ts";
import { CommandError } from "./report.ts";

/** What a daemon's parts throw speaks to the operator; only the form is ours. */
export function serverFailure(error: unknown): never {
  if (error instanceof OptionError) throw new CommandError(error.text, error.option);
  const isDefect = error instanceof TypeError || error instanceof RangeError ||
    error instanceof ReferenceError;
  if (isDefect || !(error instanceof Error)) throw error;
  const text = systemMessage(error);
  throw new CommandError(text.charAt(0).toLowerCase() + text.slice(1));
}
