/**
 * Compiles `xs` into one executable file.
 *
 *     deno task compile [--denort=auto|own|stand-in] [-o build/xs]
 *
 * `own` takes Deno's denort, which Deno downloads; `stand-in` the one of denort/denort.ts; `auto`
 * the first where it can be downloaded, else the second.
 */
import { V8_FLAGS } from "../lib/limits.ts";
import { makeStandIn } from "./denort/denort.ts";

const ROOT = new URL("../", import.meta.url).pathname;
/** How long dl.deno.land may take to answer, in ms. */
const PROBE_LIMIT_MS = 5_000;

type Base = "auto" | "own" | "stand-in";

interface Options {
  readonly base: Base;
  readonly out: string;
}

function parse(args: readonly string[]): Options {
  let base: Base = "auto";
  let out = `${ROOT}build/xs`;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "-o" && args[i + 1] !== undefined) out = args[++i] ?? out;
    else if (arg === "--denort=auto") base = "auto";
    else if (arg === "--denort=own") base = "own";
    else if (arg === "--denort=stand-in") base = "stand-in";
    else throw new Error(`unknown option ${arg}: use --denort=auto|own|stand-in, -o PATH`);
  }
  return { base, out };
}

/** Why Deno's own denort cannot be downloaded; undefined where it can. */
async function denortUnreachable(): Promise<string | undefined> {
  const url = `https://dl.deno.land/release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
  try {
    const answer = await fetch(url, {
      method: "HEAD",
      signal: AbortSignal.timeout(PROBE_LIMIT_MS),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `dl.deno.land answers ${answer.status}`;
  } catch {
    return "dl.deno.land cannot be reached";
  }
}

/** The commit that the checkout is at, with a plus when files differ from it. */
async function commit(): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["describe", "--always", "--dirty=+", "--abbrev=10", "--match="],
      cwd: ROOT,
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes the program's first module: it tells the program its commit, then runs it. */
async function writeEntry(): Promise<string> {
  await Deno.mkdir(`${ROOT}build`, { recursive: true });
  const entry = `${ROOT}build/xs.ts`;
  const value = JSON.stringify(await commit() ?? "");
  await Deno.writeTextFile(
    `${ROOT}build/commit.ts`,
    `Reflect.set(globalThis, "xsCommit", ${value});\n`,
  );
  await Deno.writeTextFile(entry, `import "./commit.ts";\nimport "../cmd/main.ts";\n`);
  return entry;
}

/**
 * Writes the whole program as one module. `deno compile --bundle` would do the same, but gives it a
 * random name. That and its time end up in the binary, of which the same commit gives the same bytes.
 */
async function bundle(): Promise<string> {
  const out = `${ROOT}build/xs.js`;
  await run(["bundle", "--quiet", "--minify", "-o", out, await writeEntry()]);
  await Deno.utime(out, 0, 0);
  return out;
}

/** @throws {Error} when it fails */
async function run(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT, env });
  const { success, code } = await command.spawn().status;
  if (!success) throw new Error(`deno ${args[0]} ended with status ${code}`);
}

/** What `deno compile` is to build on: undefined for Deno's own denort. */
async function chooseBase(wanted: Base): Promise<string | undefined> {
  if (wanted === "own" || Deno.env.has("DENORT_BIN")) return undefined;
  if (wanted === "auto") {
    const why = await denortUnreachable();
    if (why === undefined) return undefined;
    console.error(`compile: ${why}; building on the stand-in for denort (docs/binary.md)`);
  }
  await Deno.mkdir(`${ROOT}build`, { recursive: true });
  const standIn = `${ROOT}build/denort`;
  makeStandIn(standIn);
  return standIn;
}

async function main(): Promise<void> {
  const { base, out } = parse(Deno.args);
  const slash = out.lastIndexOf("/");
  if (slash > 0) await Deno.mkdir(out.slice(0, slash), { recursive: true });
  const denort = await chooseBase(base);
  const program = await bundle();
  // The binary has its own name in it: it is always the same one, wherever the file goes.
  const place = await Deno.makeTempDir({ dir: `${ROOT}build`, prefix: "compile-" });
  try {
    const args = [
      "compile",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--allow-all",
      `--v8-flags=${V8_FLAGS.join(",")}`,
      "-o",
      `${place}/xs`,
      program,
    ];
    await run(args, denort === undefined ? {} : { DENORT_BIN: denort });
    await Deno.rename(`${place}/xs`, out).catch(() => Deno.copyFile(`${place}/xs`, out));
  } finally {
    await Deno.remove(place, { recursive: true });
  }
  console.error(`compile: ${out}`);
}

await main();
