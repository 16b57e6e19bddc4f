/**
 * Attacks a Xenstore daemon on a simulated host and prints what that does to it and to its other
 * clients; beside it, by the same attackers, Debian's C xenstored.
 *
 *     deno task attack [--only NAME]... [--seconds N] [--guests N] [--against xs|c|both]
 *                      [--binary PATH]... [--rest N] [--twice]
 *                      [--disk MB] [--heap MB] [--memory BYTES] [--seed S] [--spin N]
 *
 * docs/attack.md tells what the attacks are and what the columns mean.
 */
import { ATTACKS } from "../../tests/support/attack/attacks.ts";
import { simulatedReferenceMissing } from "../../tests/support/reference/simulated.ts";
import { simulationMissing } from "../../tests/support/simulation/simulated_host.ts";
import { NOBODY } from "./control.ts";
import { machine } from "../machine.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { play, type Result } from "./play.ts";
import { attackTable, summaryTable } from "./tables.ts";
import type { Contender } from "./stage.ts";

async function contendersOf({ against, binaries }: Options): Promise<Contender[]> {
  const contenders: Contender[] = [];
  if (against !== "c") {
    for (const binary of binaries.length > 0 ? binaries : [""]) {
      contenders.push({ name: binary === "" ? "xs" : binary, binary });
    }
  }
  if (against !== "xs") {
    const missing = await simulatedReferenceMissing();
    if (missing === undefined) contenders.push({ name: "C xenstored", binary: null });
    else if (against === "c") throw new Error(missing);
    else console.error(`without C xenstored: ${missing}`);
  }
  return contenders;
}

/** Set where this process has a mount namespace of its own. */
const UNSHARED = "XS_ATTACK_UNSHARED";

/**
 * Runs all again where file systems that are mounted go away with the process, whatever becomes of
 * it; the exit status then.
 */
async function runUnshared(): Promise<number> {
  const { code } = await new Deno.Command("unshare", {
    args: ["--mount", "--", Deno.execPath(), "run", "-A", import.meta.filename!, ...Deno.args],
    env: { [UNSHARED]: "1" },
  }).spawn().status;
  return code;
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args);
  if (options.disk !== null && !Deno.env.has(UNSHARED)) Deno.exit(await runUnshared());
  const missing = simulationMissing();
  if (missing !== undefined) throw new Error(missing);
  const contenders = await contendersOf(options);
  console.log(`${machine()}; seed ${options.seed}\n`);
  const all: Result[] = [];
  for (const attack of [...ATTACKS, NOBODY]) {
    if (options.only.length > 0 && !options.only.includes(attack.name)) continue;
    if (attack.needsDisk && options.disk === null) {
      console.log(`### ${attack.name}\n\nonly with --disk\n`);
      continue;
    }
    const results: Result[] = [];
    for (const contender of contenders) {
      console.error(`${attack.name}: ${contender.name}`);
      try {
        results.push(await play(contender, attack, options));
      } catch (error) {
        console.error(`${attack.name}: ${contender.name}: ${error}`);
      }
    }
    console.log(attackTable(attack, results));
    all.push(...results);
  }
  console.log(summaryTable(all));
}

function isUsage(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("--");
}

try {
  await main();
} catch (error) {
  console.error(`attack: ${error instanceof Error ? error.message : error}`);
  if (!isUsage(error)) throw error;
  console.error(USAGE);
  Deno.exit(1);
}
