/**
 * Runs the fuzz tests for as long as it is told, and says with which seed.
 *
 *     deno task fuzz [--seconds N] [--seed S]
 *
 * The seed makes all choices again. Where a second thread or a process that is killed has a part in
 * it, the moments at which they meet are still the machine's.
 */
import { numberOption } from "./number_option.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Folders of tests that take their time from XS_FUZZ_SECONDS and their choices from XS_SEED. */
const FUZZED = "tests/fuzz";

function testCount(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync(`${ROOT}${FUZZED}`)) {
    if (!name.endsWith("_test.ts")) continue;
    const text = Deno.readTextFileSync(`${ROOT}${FUZZED}/${name}`);
    count += text.match(/^(?:Deno\.test|testUnless)\(/gm)?.length ?? 0;
  }
  return count;
}

async function main(): Promise<number> {
  const seconds = numberOption("seconds") ?? 60;
  const seed = numberOption("seed") ?? Date.now() % 1_000_000_007;
  const each = Math.max(1, Math.floor(seconds / testCount()));
  console.log(`seed ${seed}: ${testCount()} tests of ${each} s`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", FUZZED],
    cwd: ROOT,
    env: { XS_SEED: `${seed}`, XS_FUZZ_SECONDS: `${each}` },
  }).spawn().status;
  if (code !== 0) console.log(`failed: deno task fuzz --seed ${seed} --seconds ${seconds}`);
  return code;
}

Deno.exit(await main());
