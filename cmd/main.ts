/**
 * The `xs` binary: the stock tools when called by one of their names, else the commands of `xs`.
 * What a call does not need is not loaded: start-up is most of the time of `xs read`.
 */
import { baseName, isStockName, runStock } from "./stock.ts";
import { processShell } from "./shell.ts";

async function main(): Promise<number> {
  const shell = processShell();
  try {
    if (baseName(shell.program) === "xenstore-control") {
      const { runStockControl } = await import("./stock_control.ts");
      return await runStockControl(shell);
    }
    // C xenstored takes no words but options: so a next xs can be told its own, whatever its name.
    if (baseName(shell.program) === "xenstored" && shell.args[0] !== "serve") {
      const { runXenstored } = await import("./xenstored.ts");
      return await runXenstored(shell);
    }
    if (isStockName(shell.program)) return await runStock(shell);
    const { runApp } = await import("./app.ts");
    return await runApp(shell);
  } finally {
    shell.stdout.flush();
    shell.stderr.flush();
  }
}

Deno.exit(await main());
