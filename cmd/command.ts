/** How a command is built: what the library for the command line takes, and what its help says. */
import {
  type BaseArgs,
  buildCommand as build,
  type Command,
  type CommandFunction,
  type TypedCommandParameters,
} from "@stricli/core";
import type { XsContext } from "./context.ts";
import { commandPage, type Parameters } from "./help/command_page.ts";
import type { CommandDocs } from "./help/docs.ts";

/** A command, with all that makes up its help page and its manual page. */
export interface XsCommand extends Command<XsContext> {
  readonly docs: CommandDocs;
}

/** What {@link buildCommand} takes: the library's own parts, with our documentation. */
export interface CommandParts<
  F extends Readonly<Partial<Record<keyof F, unknown>>>,
  A extends BaseArgs,
> {
  readonly func: CommandFunction<F, A, XsContext>;
  readonly parameters: NoInfer<TypedCommandParameters<F, A, XsContext>>;
  readonly docs: CommandDocs;
}

/** Builds a command of `xs`. */
export function buildCommand<
  const F extends Readonly<Partial<Record<keyof F, unknown>>> = NonNullable<unknown>,
  const A extends BaseArgs = [],
>(parts: CommandParts<F, A>): XsCommand {
  const { docs } = parts;
  const command = build<F, A, XsContext>({ ...parts, docs: { brief: docs.brief } });
  return {
    ...command,
    docs,
    formatHelp: () => commandPage(docs, command.parameters as Parameters),
  };
}
