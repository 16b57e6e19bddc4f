/**
 * Makes the packages `xs` and `xenstored-xs`, for Debian or as RPMs:
 *
 *     deno task package [-o build/packages] [--format deb|rpm] [--binary PATH] [--level 6]
 *
 * It compiles the binary unless one is named. `--level` says how hard xz tries: 0 is fast.
 */
import { makeDebs, readLayouts } from "./deb.ts";
import { makeRpms } from "./rpm.ts";
import { release } from "./release.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Options {
  out: string;
  binary: string | null;
  level: number;
  format: "deb" | "rpm";
}

function parse(args: readonly string[]): Options {
  const options: Options = { out: `${ROOT}build/packages`, binary: null, level: 6, format: "deb" };
  for (let i = 0; i < args.length; i += 2) {
    const [name, value] = [args[i], args[i + 1]];
    if (value === undefined) throw new Error(`option ${name} has no value`);
    if (name === "-o") options.out = absolute(value);
    else if (name === "--binary") options.binary = absolute(value);
    else if (name === "--level" && /^[0-9]$/.test(value)) options.level = Number(value);
    else if (name === "--format" && (value === "deb" || value === "rpm")) options.format = value;
    else {throw new Error(
        `invalid option ${name} ${value} (-o PATH, --format deb|rpm, --binary PATH, --level 0-9)`,
      );}
  }
  return options;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

async function compile(): Promise<string> {
  const binary = `${ROOT}build/xs`;
  const args = ["run", "-A", `${ROOT}scripts/compile.ts`, "-o", binary];
  const { success } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (!success) throw new Error("the binary could not be compiled");
  return binary;
}

const { binary, format, level, out } = parse(Deno.args);
const parts = { release: await release(), binary: binary ?? await compile(), out, level };
const made = format === "rpm"
  ? await makeRpms(parts)
  : await makeDebs({ ...parts, layouts: await readLayouts() });
for (const path of made) console.log(`package: ${path}`);
