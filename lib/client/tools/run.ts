import { XenstoreError } from "../error.ts";
import type { Operations } from "../operations.ts";
import { inTransaction } from "../transaction.ts";
import { ToolFailure } from "./failure.ts";

/** Where a tool's output goes: byte strings, one character a byte. */
export type Print = (text: string) => void;

/** One tool with its options and arguments. */
export type Tool = (nodes: Operations, print: Print) => Promise<void>;

/**
 * Runs a tool the way the stock ones run: with `transaction`, all of it in one transaction, again
 * from the start whenever another client was in the way, its output only once it is done.
 *
 * @throws {ToolFailure} with what there is to say on stderr; the exit status is then 1.
 */
export async function runTool(
  nodes: Operations,
  tool: Tool,
  transaction: boolean,
  print: Print,
): Promise<void> {
  if (!transaction) return await tool(nodes, print);
  let output = "";
  try {
    await inTransaction(nodes, async (inside) => {
      output = "";
      await tool(inside, (text) => output += text);
    });
  } catch (error) {
    if (error instanceof ToolFailure && error.keepOutput) print(output);
    throw transactionFailure(error);
  }
  print(output);
}

function transactionFailure(error: unknown): unknown {
  if (!(error instanceof XenstoreError)) return error;
  switch (error.operation) {
    case "transaction_start":
      return new ToolFailure("couldn't start transaction", error);
    case "transaction_end":
      return new ToolFailure("couldn't end transaction", error);
    default:
      return error;
  }
}
