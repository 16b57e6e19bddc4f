/** The `xs` commands, in this process. */
import { assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";

/** Runs a command. */
export async function xs(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const shell = fakeShell(args);
  return { status: await runApp(shell), ...shell.printed };
}

/** What `xs dump` writes of a source; what it says is the second. */
export async function dump(source: string, ...options: string[]): Promise<[Uint8Array, string]> {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`;
  const { err, status } = await xs("dump", "--output", file, ...options, source);
  assertEquals(status, 0, err);
  return [await Deno.readFile(file), err.replaceAll(scratch.path, "")];
}
