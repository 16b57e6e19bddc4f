/** Programs that use a daemon beside a test. */
import { assert } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";

/**
 * Runs `body` as a program that goes by another name, until it is disposed of; resolves once it has printed something. It
 * has `connect()`, which makes a client, and `pause()`, some ms.
 */
export async function startProgram(
  name: string,
  socket: string,
  body: string,
): Promise<AsyncDisposable> {
  const scratch = await makeScratch();
  const client = new URL("../../lib/client/client.ts", import.meta.url).href;
  const path = `${scratch.path}/program.ts`;
  const head = `import { Client } from ${JSON.stringify(client)};\n` +
    `const connect = () => Client.connect({ socket: ${JSON.stringify(socket)} });\n` +
    "const pause = () => new Promise((resolve) => setTimeout(resolve, 2));\n";
  await Deno.writeTextFile(path, `${head}${body}`);
  const child = new Deno.Command("bash", {
    args: ["-c", `exec -a ${name} "$0" "$@"`, Deno.execPath(), "run", "-A", "--no-check", path],
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  assert(!(await output.read()).done, `${name} has not begun`);
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.status;
      await output.cancel();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
