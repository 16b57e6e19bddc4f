import { buildCommand, type Command } from "@stricli/core";
import { toText } from "../../lib/wire/text.ts";
import { showValue } from "../../lib/client/escape.ts";
import { type Expression, parseExpression } from "../../lib/client/expression.ts";
import type { Operations } from "../../lib/client/operations.ts";
import {
  CheckFailed,
  type Finding,
  parseScript,
  runScript,
  ScriptError,
  type Step,
} from "../../lib/client/script.ts";
import { inTransaction } from "../../lib/client/transaction.ts";
import { waitFor } from "../../lib/client/wait.ts";
import { WordError } from "../../lib/client/words.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { readStdin } from "../input.ts";
import { formatDuration } from "../../lib/client/duration.ts";
import { parseCount } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import type { Output } from "../shell.ts";

function readExpression(words: readonly string[]): Expression {
  const text = words.join(" ");
  try {
    return parseExpression(text);
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    throw new UsageError(error.message, text);
  }
}

async function wait(
  context: XsContext,
  nodes: Operations,
  flags: CommonFlags,
  ...words: string[]
): Promise<boolean> {
  const text = words.join(" ");
  const expression = readExpression(words);
  const { timeout } = flags;
  const held = await waitFor(nodes, expression, timeout ?? null);
  if (flags.json) {
    printJson(context.shell.stdout, { expression: textJson(text), result: held });
  } else if (!held) {
    throw new CommandError(`the condition did not hold within ${formatDuration(timeout!)}`, text);
  }
  return held;
}

/** `xs wait`. */
export const waitCommand: Command<XsContext> = buildCommand<CommonFlags, string[], XsContext>({
  func: withDaemon(wait, {
    check: (_flags, ...words) => void readExpression(words),
    waits: () => true,
  }),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: { ...commonFlags.timeout, brief: "Give up after so long, with exit status 1" },
    },
    positional: {
      kind: "array",
      parameter: { brief: "A condition on nodes", placeholder: "expr", parse: String },
      minimum: 1,
    },
  },
  docs: {
    brief: "Wait until a condition on nodes holds",
    fullDescription: [
      "Waits until a condition on nodes holds.",
      "A condition is a path (the node exists), PATH = VALUE or PATH != VALUE, and such parts",
      "joined with not, and, or and parentheses. A missing node is != any value. Values with",
      'blanks or such words are quoted: "..." (with \\n, \\x00, \\") or \'...\'.',
      "Nothing is polled: watches on all paths wake it up. Exit status 0 when it holds.",
      "",
      "  xs wait --timeout 10 '/local/domain/1/device/vif/0/state = 4 and not /tool/stop'",
    ].join("\n"),
    customUsage: ["[--timeout duration] <expr>"],
  },
});

interface TxFlags extends CommonFlags {
  readonly retries?: number;
}

async function tx(context: XsContext, nodes: Operations, flags: TxFlags): Promise<void> {
  const steps = readScript(toText(await readStdin(context.shell)));
  const options = flags.retries === undefined ? {} : { retries: flags.retries };
  const run = (inside: Operations): Promise<Finding[]> => runScript(inside, steps);
  try {
    const findings = await inTransaction(nodes, run, options);
    for (const finding of findings) {
      printFinding(context.shell.stdout, finding, flags.json === true);
    }
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error;
    throw new CommandError(
      "the condition does not hold",
      `line ${error.line}: check ${error.text}`,
    );
  }
}

function readScript(text: string): Step[] {
  try {
    return parseScript(text);
  } catch (error) {
    if (error instanceof ScriptError) throw new UsageError(error.text, `line ${error.line}`);
    throw error;
  }
}

function printFinding(output: Output, finding: Finding, json: boolean): void {
  const path = textJson(finding.path);
  switch (finding.kind) {
    case "read":
      if (json) printJson(output, { path, value: valueJson(finding.value) });
      else output.write(`${showValue(toText(finding.value))}\n`);
      break;
    case "list":
      if (json) printJson(output, { path, names: finding.names.map(textJson) });
      else for (const name of finding.names) output.write(`${name}\n`);
      break;
    case "exists":
      if (json) printJson(output, { path, exists: finding.exists });
      else output.write(`${finding.exists}\n`);
      break;
  }
}

/** `xs tx`. */
export const txCommand: Command<XsContext> = buildCommand<TxFlags, [], XsContext>({
  func: withDaemon(tx),
  parameters: {
    flags: {
      ...commonFlags,
      retries: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "count",
        brief: "Give up after so many conflicts with other clients [never]",
      },
    },
  },
  docs: {
    brief: "Do several things in one transaction, read from standard input",
    fullDescription: [
      "Does several things in one transaction, read from standard input.",
      "One operation a line; # begins a comment. All of them take effect, or none. When another client",
      "changes what they read, all are done again, and only the last attempt prints.",
      "",
      "  read PATH    list PATH    exists PATH      print what they find",
      "  write PATH VALUE    mkdir PATH    rm PATH    chmod PATH PERM...",
      "  check EXPR   gives up, with exit status 1, unless the condition holds (see xs wait --help)",
      "",
      'Words with blanks are quoted: "..." (with \\n, \\x00, \\") or \'...\'.',
    ].join("\n"),
  },
});
