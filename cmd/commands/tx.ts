import { buildCommand, type XsCommand } from "../command.ts";
import { toText } from "../../lib/wire/text.ts";
import { showValue } from "../../lib/wire/stock_escape.ts";
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
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { valueFlag } from "../flags.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { readStdin } from "../input.ts";
import { parseCount } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import type { Output } from "../shell.ts";

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

const OPERATIONS = [
  "  read PATH  list PATH  exists PATH    print what they find",
  "  write PATH VALUE  mkdir PATH  rm PATH  chmod PATH PERMISSION...",
  "  check CONDITION                      gives up with status 1 unless it holds",
  "                                       (xs help wait has its grammar)",
].join("\n");

/** `xs tx`. */
export const txCommand: XsCommand = buildCommand<TxFlags, []>({
  func: withDaemon(tx),
  parameters: {
    flags: {
      ...commonFlags,
      retries: valueFlag(
        "COUNT",
        "Give up after COUNT conflicts with other clients (default never)",
        parseCount,
      ),
    },
  },
  docs: {
    name: "tx",
    group: "change",
    brief: "run a transaction",
    description: [
      "Runs the operations on standard input, one a line, in one transaction: all of them take effect, or none. # begins a comment.",
      OPERATIONS,
      'When another client changes what they read, all operations run again. Only the last attempt prints. Quote words with blanks: "..." (with \\n, \\x00, \\") or \'...\'.',
    ],
    examples: [
      ["xs tx < operations.txt", "run the operations of a file"],
      ["printf 'check /a = 1\\nwrite /a 2\\n' | xs tx", "write only if the value is still 1"],
    ],
  },
});
