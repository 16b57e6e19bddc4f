import {
  type Application,
  buildApplication,
  buildRouteMap,
  type RouteMap,
  run,
  type StricliProcess,
  text_en,
} from "@stricli/core";
import { fromByteText, toByteText } from "../lib/client/operations.ts";
import type { XsCommand } from "./command.ts";
import { commands } from "./command_list.ts";
import { printProposals } from "./commands/completions.ts";
import type { XsContext } from "./context.ts";
import { kebab } from "./help/command_page.ts";
import { frontPage } from "./help/front_page.ts";
import { reportFailure, UsageError } from "./report.ts";
import { flush, type Output, type Shell } from "./shell.ts";
import { unknownCommand, usageError } from "./usage.ts";
import { version } from "./version.ts";

const routes: RouteMap<XsContext> = {
  ...buildRouteMap({
    routes: Object.fromEntries(commands.map((command) => [command.docs.name, command])),
    aliases: Object.fromEntries(
      commands.flatMap(({ docs: { aliases = [], name } }) => aliases.map((alias) => [alias, name])),
    ),
    docs: { brief: "Xenstore: the daemon and its clients" },
  }),
  formatHelp: () => frontPage(commands.map(({ docs }) => docs)),
};

/** All words that a command line may begin with. */
const names: readonly string[] = [
  "help",
  "version",
  ...routes.getAllEntries().flatMap(({ aliases, name }) => [name.original, ...aliases]),
];

function commandOf(input: string): XsCommand | undefined {
  const target = routes.getRoutingTargetForInput(input);
  return target !== undefined && "parameters" in target ? target as XsCommand : undefined;
}

/** The commands of `xs`; whatever goes wrong in one is reported to `fail`, and nothing printed of it. */
function application(
  inputs: readonly string[],
  fail: (error: unknown) => void,
): Application<XsContext> {
  const [command = ""] = inputs;
  const report = (error: unknown): string => {
    fail(error);
    return "";
  };
  const misused = (error: unknown): string => {
    const { aliases = {}, flags = {}, positional } = commandOf(command)?.parameters ?? {};
    const operands = positional?.kind === "array"
      ? [positional.parameter]
      : positional?.parameters ?? [];
    const options = Object.keys(flags).map(kebab);
    const names = operands.map(({ placeholder = "" }) => placeholder);
    return report(usageError(error, names, options, (flag) => typedForm(inputs, flag, aliases)));
  };
  return buildApplication(routes, {
    name: "xs",
    versionInfo: { currentVersion: version() },
    scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
    documentation: { disableAnsiColor: true },
    localization: {
      text: {
        ...text_en,
        commandErrorResult: report,
        exceptionWhileLoadingCommandFunction: report,
        exceptionWhileRunningCommand: report,
        exceptionWhileParsingArguments: misused,
        noCommandRegisteredForInput: ({ input }) => report(unknownCommand(input, names)),
      },
    },
  });
}

/** An option as the user wrote it: by its letter, if it stands nowhere by its name. */
function typedForm(
  inputs: readonly string[],
  flag: string,
  aliases: Readonly<Partial<Record<string, string>>>,
): string {
  const isNamed = inputs.some((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  const letter = Object.keys(aliases).find((letter) => kebab(aliases[letter]!) === flag);
  const isLettered = inputs.some((word) => /^-[A-Za-z]/.test(word) && word.includes(letter ?? "-"));
  return isNamed || letter === undefined || !isLettered ? `--${flag}` : `-${letter}`;
}

/** The options before the command, and all from the command on. */
function splitGlobals(args: readonly string[]): { globals: string[]; rest: readonly string[] } {
  const globals: string[] = [];
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at]!;
    if (/^--(?:socket|timeout)$/.test(word) && at + 1 < args.length) {
      globals.push(word, args[++at]!);
    } else if (word === "--json" || /^--(?:socket|timeout)=/.test(word)) globals.push(word);
    else break;
  }
  return { globals, rest: args.slice(at) };
}

/** Options that may stand before the command go behind its name, where it reads them. */
export function reorderGlobals(args: readonly string[]): string[] {
  const { globals, rest } = splitGlobals(args);
  const [command, ...words] = rest;
  if (command === undefined) return [];
  // These two ask no daemon.
  return command === "help" || command === "version"
    ? [command, ...words]
    : [command, ...globals, ...words];
}

/**
 * Options with their value behind them in the same word, `-n3`, which the stock watch and git's log take and the
 * library for the command line does not.
 */
function splitValues(inputs: readonly string[]): string[] {
  if (inputs[0] !== "watch" && inputs[0] !== "log") return [...inputs];
  const end = inputs.indexOf("--");
  return inputs.flatMap((word, i) => {
    const match = end < 0 || i < end ? /^(-[nd])(\d+)$/.exec(word) : null;
    return match === null ? [word] : [match[1]!, match[2]!];
  });
}

/** `help` and `version` as options, which the library knows. */
function asOptions(inputs: readonly string[]): string[] {
  const [command, ...words] = inputs;
  if (command === "version") return ["--version", ...words];
  if (command !== "help") return [...inputs];
  const topics = words.filter((word) =>
    !word.startsWith("-") && !["help", "version"].includes(word)
  );
  return [...topics.slice(0, 1), "--help"];
}

/** Whether `xs help WORD` was answered by the manual: on a terminal, where its pages are installed. */
async function showManual([command, word]: readonly string[], shell: Shell): Promise<boolean> {
  if (command !== "help" || word === undefined || !shell.isTerminal("stdout")) return false;
  const name = word === "help" ? undefined : commandOf(word)?.docs.name ?? word;
  // Whatever else is typed must not reach man as an option, or as another program's page.
  if (name === undefined || !/^[a-z][a-z-]*$/.test(name)) return false;
  return await shell.showManual(`xs-${name}`);
}

/**
 * `xs control` takes no word behind the daemon's command for an option of its own. A `--` there,
 * with which options once had to be kept from it, is dropped.
 */
function keepControlWords(inputs: readonly string[]): string[] {
  const [name, ...words] = inputs;
  if (name !== "control") return [...inputs];
  let at = 0;
  while (/^-./.test(words[at] ?? "") && words[at] !== "--") {
    at += /^--(?:socket|timeout)$/.test(words[at]!) ? 2 : 1;
  }
  const rest = words.slice(words[at] === "--" ? at + 1 : at);
  const dashes = rest.indexOf("--");
  if (dashes > 0 && rest[dashes + 1]?.startsWith("-") === true) rest.splice(dashes, 1);
  return [name, ...words.slice(0, at), "--", ...rest];
}

/** Runs a command of `xs`; returns the exit status. */
export async function runApp(shell: Shell): Promise<number> {
  if (shell.args[0] === "__complete") {
    const words = splitGlobals(shell.args.slice(1)).rest;
    return await printProposals(application([], () => {}), words, shell);
  }
  if (await showManual(shell.args, shell)) return 0;
  const inputs = keepControlWords(splitValues(asOptions(reorderGlobals(shell.args))));
  const [command = ""] = inputs;
  const isDaemon = command === "serve";
  const failures: unknown[] = [];
  const process: StricliProcess = {
    stdout: isDaemon ? direct(shell.stdout) : shell.stdout,
    // What the library writes there are line breaks behind what `application` has told.
    stderr: { write: () => {} },
  };
  const app = application(inputs, (error) => failures.push(error));
  const words = isDaemon ? inputs.map(fromByteText) : inputs;
  await run(app, words, { process, shell });
  if (failures.length === 0) return Number(process.exitCode ?? 0);
  // That a path is missing may follow from an option that took it for its value.
  const ofOption = failures.find((error) =>
    error instanceof UsageError && error.object.startsWith("-")
  );
  return reportFailure(shell.stderr, ofOption ?? failures[0], {
    command: commandOf(command) === undefined ? "" : command,
    json: !isDaemon && hasFlag(inputs, "--json"),
    isText: isDaemon,
  });
}

/** Whether an option is among the words; behind `--` there are none. */
function hasFlag(inputs: readonly string[], flag: string): boolean {
  const end = inputs.indexOf("--");
  return inputs.slice(0, end < 0 ? inputs.length : end).includes(flag);
}

/** The daemon takes and prints text at once, not byte strings when it ends. */
function direct(output: Output): Output {
  return {
    write: (text) => {
      output.write(toByteText(text));
      flush(output);
    },
  };
}
