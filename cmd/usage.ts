/** What the command-line library finds wrong with a command line, in our own form and words. */
import {
  AliasNotFoundError,
  ArgumentParseError,
  EnumValidationError,
  FlagNotFoundError,
  InvalidNegatedFlagSyntaxError,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { UsageError } from "./report.ts";
import { suggest } from "./suggest.ts";

/** A command that there is not. */
export function unknownCommand(input: string, names: readonly string[]): UsageError {
  const meant = suggest(input, names);
  const hint = meant === null ? "`xs --help` lists the commands" : `did you mean '${meant}'?`;
  return new UsageError(`unknown command (${hint})`, input);
}

/**
 * What an error of the library says. `operands` are the placeholders of what is no option, `flags`
 * the names of the options, of which `typed` gives the form that the user wrote.
 */
export function usageError(
  error: unknown,
  operands: readonly string[],
  flags: readonly string[],
  typed: (flag: string) => string,
): unknown {
  if (error instanceof ArgumentParseError) {
    const { exception, externalFlagNameOrPlaceholder: name, input } = error;
    // Only a switch has a value that none of our own parsers has looked at.
    const text = exception instanceof UsageError ? exception.text : "it takes no value";
    return new UsageError(
      text,
      operands.includes(name) ? input : `${typed(name)} ${input}`.trimEnd(),
    );
  }
  if (error instanceof EnumValidationError) {
    const { externalFlagName, input, values } = error;
    return new UsageError(
      `invalid value (it is one of ${values.join(", ")})`,
      `${typed(externalFlagName)} ${input}`.trimEnd(),
    );
  }
  if (error instanceof FlagNotFoundError) {
    const meant = suggest(error.input, flags);
    const hint = meant === null ? "" : ` (did you mean --${meant}?)`;
    return new UsageError(`unknown option${hint}`, `--${error.input}`);
  }
  if (error instanceof AliasNotFoundError) {
    return new UsageError("unknown option", `-${error.input}`);
  }
  if (error instanceof UnsatisfiedFlagError) {
    return new UsageError("its value is missing", typed(error.externalFlagName));
  }
  if (error instanceof UnexpectedFlagError) {
    return new UsageError("it may be given only once", typed(error.externalFlagName));
  }
  if (error instanceof InvalidNegatedFlagSyntaxError) {
    return new UsageError("it takes no value", typed(error.externalFlagName));
  }
  if (error instanceof UnexpectedPositionalError) {
    return new UsageError("too many arguments", error.input);
  }
  if (error instanceof UnsatisfiedPositionalError) {
    return new UsageError(`${error.placeholder} is missing`);
  }
  return error;
}
