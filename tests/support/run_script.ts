import { assert } from "@std/assert";

/** How a script of the tests is run. */
export interface ScriptOptions {
  /** V8's. */
  readonly flags: readonly string[];
  readonly args?: readonly string[];
}

/** Runs a script in a process of its own, to count what only that does; returns what it prints. */
export async function runScript(
  script: string,
  { args = [], flags }: ScriptOptions,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--v8-flags=${flags.join(",")}`, script, ...args],
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  return text.decode(stdout);
}
