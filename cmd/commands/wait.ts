import { buildCommand, type XsCommand } from "../command.ts";
import { type Expression, parseExpression } from "../../lib/client/expression.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { waitFor } from "../../lib/client/wait.ts";
import { WordError } from "../../lib/client/words.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { words } from "../flags.ts";
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
export const waitCommand: XsCommand = buildCommand<CommonFlags, string[]>({
  func: withDaemon(wait, {
    check: (_flags, ...words) => void readExpression(words),
    waits: () => true,
  }),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: "Give up after DURATION, with exit status 1 (default never)",
      },
    },
    positional: words("CONDITION", "A condition on nodes", 1),
  },
  docs: {
    name: "wait",
    group: "read",
    brief: "wait for a condition",
    description: [
      "Waits until a condition on nodes holds. Exits with status 0 then.",
      'A condition is PATH (the node exists), PATH = VALUE or PATH != VALUE, or such parts joined with not, and, or and parentheses. A missing node is != any value. Quote values with blanks and values that are such words: "..." (with \\n, \\x00, \\") or \'...\'.',
      "The command does not poll: watches on all paths wake it.",
    ],
    usage: ["CONDITION..."],
    examples: [
      ["xs wait --timeout 10 '/vm/7/state = running'", "wait up to 10 s"],
      ["xs wait '/vm/7/device/vif/0/state = 4 and not /vm/7/stop'", "join two conditions"],
    ],
  },
});
