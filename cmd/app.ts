import {
  type Application,
  buildApplication,
  buildRouteMap,
  EnumValidationError,
  type RouteMap,
  run,
  type StricliProcess,
  text_en,
} from "@stricli/core";
import { fromByteText, toByteText } from "../lib/client/operations.ts";
import { diffCommand, dumpCommand, restoreCommand } from "./commands/archive.ts";
import { completionsCommand, printProposals } from "./commands/completions.ts";
import { txCommand, waitCommand } from "./commands/conditions.ts";
import { controlCommand, getPathCommand, introducedCommand } from "./commands/daemon.ts";
import { statusCommand } from "./commands/status.ts";
import { chmodCommand, lsCommand, watchCommand } from "./commands/tree.ts";
import {
  existsCommand,
  listCommand,
  mkdirCommand,
  readCommand,
  rmCommand,
  writeCommand,
} from "./commands/values.ts";
import type { XsContext } from "./context.ts";
import { reportFailure, UsageError } from "./report.ts";
import { serveCommand } from "./serve.ts";
import { flush, type Output, type Shell } from "./shell.ts";
import { version } from "./version.ts";

const routes: RouteMap<XsContext> = buildRouteMap({
  routes: {
    serve: serveCommand,
    read: readCommand,
    write: writeCommand,
    ls: lsCommand,
    list: listCommand,
    rm: rmCommand,
    mkdir: mkdirCommand,
    exists: existsCommand,
    chmod: chmodCommand,
    watch: watchCommand,
    control: controlCommand,
    status: statusCommand,
    dump: dumpCommand,
    restore: restoreCommand,
    diff: diffCommand,
    wait: waitCommand,
    tx: txCommand,
    getpath: getPathCommand,
    introduced: introducedCommand,
    completions: completionsCommand,
  },
  docs: {
    brief: "Xenstore: the daemon and its clients",
    fullDescription: [
      "Xenstore: the daemon and its clients.",
      "",
      "--socket <path> and --json may stand before or behind a client command.",
      "Called as xenstore-read, xenstore-ls and so on, xs does exactly what those do.",
      "Exit status: 0 done, 1 failed (or: not so), 2 wrong usage.",
    ].join("\n"),
  },
});

/** The library doesn't say which option has a word that it can't have. */
function wrongWord(error: unknown): string | null {
  if (!(error instanceof EnumValidationError)) return null;
  const { externalFlagName, input, values } = error;
  return `--${externalFlagName} is one of ${values.join(", ")}, not '${input}'`;
}

/** The commands of `xs`. */
export const app: Application<XsContext> = buildApplication(routes, {
  name: "xs",
  versionInfo: { currentVersion: version() },
  scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
  documentation: { disableAnsiColor: true },
  localization: {
    text: {
      ...text_en,
      commandErrorResult: (error) => `xs: ${error.message}`,
      exceptionWhileParsingArguments: (error, ansi) =>
        wrongWord(error) ?? text_en.exceptionWhileParsingArguments(error, ansi),
    },
  },
});

/** The options before the command, and all from the command on. */
function splitGlobals(args: readonly string[]): { globals: string[]; rest: readonly string[] } {
  const globals: string[] = [];
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--socket" && at + 1 < args.length) globals.push(word, args[++at]!);
    else if (word === "--json" || word.startsWith("--socket=")) globals.push(word);
    else break;
  }
  return { globals, rest: args.slice(at) };
}

/** Options that may stand before the command go behind its name, where it reads them. */
export function reorderGlobals(args: readonly string[]): string[] {
  const { globals, rest } = splitGlobals(args);
  const [command, ...words] = rest;
  return command === undefined ? [] : [command, ...globals, ...words];
}

/**
 * Options with their value behind them in the same word, `-n3`, which the stock watch takes and
 * the library for the command line does not.
 */
function splitValues(inputs: readonly string[]): string[] {
  if (inputs[0] !== "watch") return [...inputs];
  const end = inputs.indexOf("--");
  return inputs.flatMap((word, i) => {
    const match = end < 0 || i < end ? /^(-[nd])(\d+)$/.exec(word) : null;
    return match === null ? [word] : [match[1]!, match[2]!];
  });
}

/** Runs a command of `xs`; returns the exit status. */
export async function runApp(shell: Shell): Promise<number> {
  if (shell.args[0] === "__complete") {
    return await printProposals(app, splitGlobals(shell.args.slice(1)).rest, shell);
  }
  const inputs = splitValues(reorderGlobals(shell.args));
  if (inputs[0] === "serve") return await runServe(shell, inputs);
  const complaints: string[] = [];
  // What stricli itself writes to stderr is about the command line; commands use the shell's.
  const process: StricliProcess = {
    stdout: shell.stdout,
    stderr: { write: (text) => complaints.push(text) },
  };
  await run(app, inputs, { process, shell });
  const status = Number(process.exitCode ?? 0);
  if (complaints.length === 0) return status < 0 ? 2 : status;
  const text = complaints.join("").trimEnd();
  const hint = status < 0 ? `; see: xs ${helpTopic(inputs)}--help` : "";
  return reportFailure(
    shell.stderr,
    new UsageError(text.replaceAll(/\s*\n\s*/g, "; ") + hint),
    inputs.includes("--json"),
  );
}

function helpTopic(inputs: readonly string[]): string {
  const name = inputs[0] ?? "";
  return routes.getRoutingTargetForInput(name) === undefined ? "" : `${name} `;
}

/** The daemon takes and prints text at once, not byte strings when it ends. */
async function runServe(shell: Shell, inputs: readonly string[]): Promise<number> {
  const direct = (output: Output): Output => ({
    write: (text) => {
      output.write(toByteText(text));
      flush(output);
    },
  });
  const stderr = direct(shell.stderr);
  let complained = false;
  const process: StricliProcess = {
    stdout: direct(shell.stdout),
    stderr: {
      write: (text) => {
        const prefix = complained || text.startsWith("xs: ") ? "" : "xs: ";
        complained = true;
        stderr.write(`${prefix}${text}`);
      },
    },
  };
  await run(app, inputs.map(fromByteText), { process, shell });
  const status = Number(process.exitCode ?? 0);
  if (status >= 0) return status;
  stderr.write("xs: see: xs serve --help\n");
  return 2;
}
