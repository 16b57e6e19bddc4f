import { buildCommand, type Command } from "@stricli/core";
import { type Expression, parseExpression } from "../../lib/client/expression.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { waitFor } from "../../lib/client/wait.ts";
import { WordError } from "../../lib/client/words.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { printJson, textJson } from "../json.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { CommandError, UsageError } from "../report.ts";

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
