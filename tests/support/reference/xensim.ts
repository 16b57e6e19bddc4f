/** Compiles xensim.c, once for each version of it. */

const ROOT = new URL("../../../", import.meta.url).pathname;
const SOURCE = `${ROOT}tests/support/reference/xensim.c`;

let built: Promise<string> | undefined;

/**
 * The path of the compiled simulation.
 * @throws {Error} with the compiler's messages
 */
export function buildSimulation(): Promise<string> {
  return built ??= build();
}

async function build(): Promise<string> {
  const output = `${ROOT}build/xensim-${await digest(SOURCE)}.so`;
  if (await isFile(output)) return output;
  await Deno.mkdir(`${ROOT}build`, { recursive: true });
  // Renamed into place, because tests of another process may be building it too.
  const partial = `${output}.${Deno.pid}`;
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-O2", "-Wall", "-shared", "-fPIC", "-o", partial, SOURCE],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`gcc on ${SOURCE}:\n${new TextDecoder().decode(stderr)}`);
  await Deno.rename(partial, output);
  return output;
}

async function digest(path: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(hash).toHex().slice(0, 16);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
