/**
 * The `xs` binary: the stock tools when called by one of their names, else the commands of `xs`.
 * What a call does not need is not loaded: start-up is most of the time of `xs read`.
 */
import { baseName, isStockName, runStock } from "./stock/tools.ts";
import { processShell } from "./shell.ts";

const shell = processShell();

async function main(): Promise<number> {
  const name = baseName(shell.program);
  if (name === "xenstore-control") {
    const { runStockControl } = await import("./stock/control.ts");
    return await runStockControl(shell);
  }
  // C xenstored takes no words but options: so a next xs can be told its own, whatever its name.
  if (name === "xenstored" && shell.args[0] !== "serve") {
    const { runXenstored } = await import("./stock/xenstored.ts");
    return await runXenstored(shell);
  }
  if (isStockName(shell.program)) return await runStock(shell);
  const { runApp } = await import("./app.ts");
  return await runApp(shell);
}

/** Whatever comes up to here, or is thrown where nothing waits for it, is told in one line. */
async function fail(error: unknown): Promise<never> {
  const { reportUncaught } = await import("./report.ts");
  const status = reportUncaught(shell, error);
  shell.stdout.flush();
  shell.stderr.flush();
  Deno.exit(status);
}

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  void fail(event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  void fail(event.error);
});

try {
  const status = await main();
  shell.stdout.flush();
  shell.stderr.flush();
  Deno.exit(status);
} catch (error) {
  await fail(error);
}
