/**
 * `deno task test:xen`: boots a Xen host in emulation, with the compiled `xs` as its Xenstore, and
 * counts the checks that its dom0 and its guests make.
 *
 * The binary is the one that XS_BINARY names, else build/xs.
 *
 *   --store xs|c              which daemon the host runs [xs]
 *   --only NAME               run these checks of dom0/checks only; repeatable
 *   --without NAME            do not run these; repeatable
 *   --cpus NUMBER             processors of the host [1]
 *   --clock wall|work         what the host's clock goes by [wall]
 *   --kills NUMBER            how often the daemon is killed, 1 to 10 [10]
 *   --flood SECONDS           how long a guest floods its ring [60]
 *   --limit SECONDS           when the host is switched off [1500]
 */

import { boot } from "./boot.ts";
import { run } from "./command.ts";
import { buildImages, type Store } from "./image.ts";
import { buildRingVandal } from "./kernel.ts";
import { cacheFolder, prepare, Unavailable } from "./packages.ts";
import { type Result, Results } from "./results.ts";

const BUILD = new URL("../../build", import.meta.url).pathname;
const OUTPUT = `${BUILD}/xen-host`;
/** How much of the console a failure shows. */
const TAIL = 60;

interface Settings {
  readonly store: Store;
  readonly only: readonly string[];
  readonly without: readonly string[];
  readonly cpus: number;
  readonly clock: "wall" | "work";
  readonly limit: number;
  readonly kills: number;
  readonly flood: number;
}

function readArguments(args: readonly string[]): Settings {
  let store: Store = "xs";
  let cpus = 1;
  let clock: Settings["clock"] = "wall";
  let limit = 1500;
  let kills = 10;
  let flood = 60;
  const only: string[] = [], without: string[] = [];
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1] ?? "";
    if (args[i] === "--store" && ["xs", "c"].includes(value)) store = value as Store;
    else if (args[i] === "--only" && value !== "") only.push(value);
    else if (args[i] === "--without" && value !== "") without.push(value);
    else if (args[i] === "--cpus" && Number(value) > 0) cpus = Number(value);
    else if (args[i] === "--clock" && ["wall", "work"].includes(value)) {
      clock = value as Settings["clock"];
    } else if (args[i] === "--limit" && Number(value) > 0) limit = Number(value);
    else if (args[i] === "--kills" && /^([1-9]|10)$/.test(value)) kills = Number(value);
    else if (args[i] === "--flood" && Number(value) > 0) flood = Number(value);
    else throw new Error(`Unknown or incomplete option ${args[i]} ${value}`);
  }
  return { store, only, without, cpus, clock, limit, kills, flood };
}

async function main(): Promise<number> {
  const settings = readArguments(Deno.args);
  const xs = Deno.env.get("XS_BINARY") ?? `${BUILD}/xs`;
  const hasXs = await Deno.stat(xs).then(() => true, () => false);
  if (settings.store === "xs" && !hasXs) throw new Error(`${xs} is missing: deno task compile`);
  await Deno.mkdir(OUTPUT, { recursive: true });
  const packages = await prepare(cacheFolder(BUILD), console.log);
  const ringVandal = `${OUTPUT}/ring_vandal.ko`;
  await buildRingVandal(packages.root, packages.kernel, ringVandal);
  const storeLoop = await compileClient("store_loop");
  const storeFlood = await compileClient("store_flood");
  const parts = { ...settings, xs, ringVandal, storeLoop, storeFlood };
  const { dom0 } = await buildImages(packages, parts, OUTPUT);
  const results = new Results();
  const tail: string[] = [];
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  const accident = await boot(packages, {
    dom0,
    cpus: settings.cpus,
    clock: settings.clock,
    consoleLog: `${OUTPUT}/console.log`,
    limit: settings.limit * 1000,
    line: (text) => {
      if (tail.push(text) > TAIL) tail.shift();
      const result = results.take(text);
      if (result !== null) console.log(`${seconds().padStart(6)}  ${describe(result)}`);
    },
  });
  const [passed, failed, skipped] = [
    results.count("ok"),
    results.count("not ok"),
    results.count("skip"),
  ];
  const fault = accident ?? results.fault();
  if (fault !== null) {
    console.log(
      `\nlast lines of ${OUTPUT}/console.log:\n${tail.map((t) => `  | ${t}\n`).join("")}`,
    );
  }
  console.log(
    `xen host with ${settings.store}: ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds()}`,
  );
  if (fault === null) return 0;
  console.log(`FAILED: ${fault}`);
  return 1;
}

/** Compiles a client of the folder guest; returns where it is. */
async function compileClient(name: string): Promise<string> {
  const source = new URL(`guest/${name}.c`, import.meta.url).pathname;
  const program = `${OUTPUT}/${name}`;
  await run("gcc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
  return program;
}

function describe(result: Result): string {
  return `${result.outcome} ${result.name}${result.why === "" ? "" : `: ${result.why}`}`;
}

try {
  Deno.exit(await main());
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  if (Deno.env.get("CI") === "true") {
    console.error(`FAILED: ${error.message}`);
    Deno.exit(1);
  }
  console.log(`skipped: ${error.message}`);
}
