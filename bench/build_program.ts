/** Compiles the benches' programs in C. */
import { runCommand } from "../tests/support/build_library.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Compiles the C file `source` of bench/; returns the program's path. */
export async function buildProgram(source: string): Promise<string> {
  const name = source.slice(source.lastIndexOf("/") + 1).replace(/\.c$/, "");
  const out = `${ROOT}build/${name}`;
  await Deno.mkdir(`${ROOT}build`, { recursive: true });
  await runCommand("gcc", ["-O2", "-Wall", "-o", out, `${ROOT}bench/${source}`]);
  return out;
}
