import { systemText, XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { stockPaths } from "../../lib/client/socket_path.ts";
import { openStream } from "../../lib/client/stream.ts";
import { chmodTool } from "../../lib/client/tools/chmod.ts";
import { ToolFailure } from "../../lib/client/tools/failure.ts";
import { lsTool } from "../../lib/client/tools/ls.ts";
import { runTool, type Tool } from "../../lib/client/tools/run.ts";
import {
  existsTool,
  inPairs,
  listTool,
  readTool,
  rmTool,
  writeTool,
} from "../../lib/client/tools/values.ts";
import { watchTool } from "../../lib/client/tools/watch.ts";
import { flush, type Shell } from "../shell.ts";
import { StockExit } from "./exit.ts";
import { type Mode, MODES, readStockOptions, type StockOptions, usage } from "./tool_options.ts";

/** Most bytes of a path that the stock chmod builds for a node below. */
const CHMOD_PATH_MAX = 255;

/** The last part of a path, as the C library takes a program's name. */
export function baseName(program: string): string {
  return program.slice(program.lastIndexOf("/") + 1);
}

/** Whether a program of this name is one of the stock tools. */
export function isStockName(program: string): boolean {
  const name = baseName(program);
  return name === "xenstore" || name.startsWith("xenstore-");
}

/** Runs a stock tool under its name; returns the exit status. */
export async function runStock(shell: Shell): Promise<number> {
  const name = baseName(shell.program);
  try {
    await stockMain(shell, name);
    return 0;
  } catch (error) {
    if (error instanceof StockExit) {
      if (error.text !== null) shell.stderr.write(`${name}: ${error.text}\n`);
      return error.status;
    }
    // The stock tools know of no daemon that is gone or does not answer: they wait, or ask for ever.
    if (!(error instanceof XenstoreError)) throw error;
    shell.stderr.write(`${name}: ${error.detail}\n`);
    return 1;
  }
}

async function stockMain(shell: Shell, name: string): Promise<void> {
  const byArgument = !name.startsWith("xenstore-");
  const [first, ...rest] = shell.args;
  if (byArgument && first === undefined) throw new StockExit(1, usage(shell.program, null, true));
  const wanted = byArgument ? first! : name.slice("xenstore-".length);
  const mode = MODES.find((mode) => mode === wanted);
  if (mode === undefined) throw new StockExit(1, `unknown mode ${wanted}\n`);
  const args = byArgument ? rest : shell.args;
  const optionName = byArgument ? first! : shell.program;
  const { options, operands } = readStockOptions(
    mode,
    args,
    usage(shell.program, mode, byArgument),
    shell.around.env("POSIXLY_CORRECT") !== undefined,
    (text) => shell.stderr.write(`${optionName}: ${text}\n`),
  );
  const session = await openSession(shell);
  try {
    await perform(shell, new Operations(session), mode, options, operands);
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error;
    // That the daemon is gone is what there is to say, not which request it was.
    throw !session.open && error.cause instanceof XenstoreError
      ? error.cause
      : new StockExit(1, error.text);
  } finally {
    session.close();
  }
}

/** Connects as libxenstore does. */
export async function openStockSession(shell: Shell): Promise<Session> {
  const [socket, other] = stockPaths(shell.around);
  const { clock, timeout } = shell;
  try {
    return new Session(await openStream(socket), socket, { clock, timeout });
  } catch (error) {
    if (other === undefined) throw error;
    return new Session(await openStream(other), other, { clock, timeout });
  }
}

async function openSession(shell: Shell): Promise<Session> {
  try {
    return await openStockSession(shell);
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    throw new StockExit(1, `xs_open: ${systemText(error.code)}`);
  }
}

async function perform(
  shell: Shell,
  nodes: Operations,
  mode: Mode,
  options: StockOptions,
  operands: readonly string[],
): Promise<void> {
  const print = (text: string): void => shell.stdout.write(text);
  if (mode === "watch") {
    const show = (path: string): void => {
      print(`${path}\n`);
      flush(shell.stdout);
    };
    return await watchTool(nodes, show, operands, options);
  }
  await runTool(nodes, stockTool(shell, mode, options, operands), isAtomic(mode, operands), print);
}

/** Whether the tool runs in a transaction: whenever it takes more than one request. */
function isAtomic(mode: Mode, operands: readonly string[]): boolean {
  if (mode === "read") return operands.length > 1;
  if (mode === "write") return operands.length > 2;
  return mode !== "ls";
}

function stockTool(
  shell: Shell,
  mode: Exclude<Mode, "watch">,
  options: StockOptions,
  operands: readonly string[],
): Tool {
  switch (mode) {
    case "read":
      return (nodes, print) => readTool(nodes, print, operands, options);
    case "write":
      return (nodes) => writeTool(nodes, inPairs(operands), options);
    case "rm":
      return (nodes) => rmTool(nodes, operands, options);
    case "exists":
      return (nodes) => existsTool(nodes, operands);
    case "list":
      return (nodes, print) => listTool(nodes, print, operands, options);
    case "chmod": {
      const [path, ...perms] = operands;
      const { upto, recurse } = options;
      const how = { upto, recurse, pathMax: CHMOD_PATH_MAX };
      return (nodes) => chmodTool(nodes, path!, perms, how);
    }
    case "ls": {
      const { flat, prefix: perms } = options;
      const how = { flat, perms, columns: shell.columns() };
      const tops = operands.length === 0 ? ["/"] : operands;
      return async (nodes, print) => {
        for (const top of tops) await lsTool(nodes, print, top, how);
      };
    }
  }
}
