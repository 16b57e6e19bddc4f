/**
 * Everything that is checked, on a machine with nothing but Deno: formatting, lint, types, the
 * binary, the examples in the documentation, all tests. What a machine lacks (Debian's Xenstore
 * daemons, a C compiler) makes tests skip, each with a line that says why; with CI=true a skip is
 * a failure. Ends with one line, `N passed, N failed`.
 */
import { add, closing, single, type Tally, tallyOf } from "./tally.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const BINARY = `${ROOT}build/xs`;
/** How long one check may take before it is ended and counts as failed, in ms. */
const CHECK_LIMIT_MS = 20 * 60_000;

interface Check {
  readonly name: string;
  /** Arguments of the running `deno`. */
  readonly args: readonly string[];
  /** Whether it is a `deno test`, whose own tests count. */
  readonly tests?: boolean;
}

const CHECKS: readonly Check[] = [
  { name: "formatting", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", "--quiet"] },
  { name: "binary", args: ["run", "-A", "scripts/compile.ts", "-o", BINARY] },
  {
    name: "examples",
    args: ["test", "-A", "--doc", "--ignore=**/*_test.ts", "mod.ts", "lib", "README.md", "docs"],
    tests: true,
  },
  {
    name: "tests",
    args: ["test", "--no-check", "-A", "cmd", "ffi", "lib", "scripts", "tests"],
    tests: true,
  },
];

/**
 * Boots a Xen host in emulation, which takes minutes: in CI, and for who asks by XS_XEN_HOST=1. To
 * start the daemon takes most of a minute there: `deno task test:xen` kills it ten times and updates
 * it live, which together would be more than CI has time for.
 */
const XEN_HOST: Check = {
  name: "xen host",
  args: ["run", "-A", "tests/xen-host/main.ts", "--kills", "3", "--without", "live-update"],
  tests: true,
};

function checks(): readonly Check[] {
  const wanted = Deno.env.get("CI") === "true" || Deno.env.get("XS_XEN_HOST") === "1";
  return wanted ? [...CHECKS, XEN_HOST] : CHECKS;
}

/** Runs a check; shows what it prints as it comes, and returns what it counts. */
async function run(check: Check): Promise<Tally> {
  console.log(`\n== ${check.name}: deno ${check.args.join(" ")}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...check.args],
    cwd: ROOT,
    env: { NO_COLOR: "1", XS_BINARY: BINARY },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const limit = setTimeout(() => {
    console.log(`${check.name}: not done after ${CHECK_LIMIT_MS / 60_000} minutes, ended`);
    child.kill("SIGKILL");
  }, CHECK_LIMIT_MS);
  const output = await show(child.stdout);
  const { success } = await child.status;
  clearTimeout(limit);
  return check.tests === true ? tallyOf(output, success) : single(success);
}

/** Passes a stream on to standard output and returns its text. */
async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = 0; at < chunk.length;) at += Deno.stdout.writeSync(chunk.subarray(at));
  }
  return text;
}

async function main(): Promise<number> {
  let total: Tally = { passed: 0, failed: 0, skipped: 0 };
  const failed: string[] = [];
  for (const check of checks()) {
    const tally = await run(check);
    if (tally.failed > 0) failed.push(check.name);
    total = add(total, tally);
  }
  if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`);
  const { line, success } = closing(total, Deno.env.get("CI") === "true");
  console.log(`\n${line}`);
  return success ? 0 : 1;
}

Deno.exit(await main());
