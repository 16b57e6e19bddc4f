/**
 * `deno task test:xen`: boots a Xen host in emulation, with the compiled `xs` as its Xenstore, and
 * counts the checks that its dom0 and its guests make.
 *
 * The binary is the one that XS_BINARY names, else build/xs.
 *
 *   --boot NAME               rig, installed or switched; repeatable [all of them]
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
import { buildImages } from "./image.ts";
import { buildInstalledImage } from "./installed/image.ts";
import { buildRingVandal } from "./kernel.ts";
import { cacheFolder, type Packages, prepare, Unavailable } from "./packages.ts";
import { type Result, Results } from "./results.ts";
import { type BootName, readArguments, type Settings } from "./settings.ts";

const BUILD = new URL("../../build", import.meta.url).pathname;
const OUTPUT = `${BUILD}/xen-host`;
/** How much of the console a failure shows. */
const TAIL = 60;

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
  const images = await buildImages(packages, parts, OUTPUT);
  let status = 0;
  for (const name of settings.boots) {
    let dom0 = images.dom0;
    if (name !== "rig") {
      dom0 = `${OUTPUT}/${name}.cpio`;
      await buildInstalledImage(name, packages, { xs, storeLoop, guest: images.guest }, dom0);
    }
    if (!await isGood(name, packages, dom0, settings)) status = 1;
  }
  return status;
}

/** Boots the host, shows its checks as they come, and says whether all passed. */
async function isGood(
  name: BootName,
  packages: Packages,
  dom0: string,
  { clock, cpus, limit, store }: Settings,
): Promise<boolean> {
  const consoleLog = `${OUTPUT}/${name === "rig" ? "console" : name}.log`;
  const results = new Results();
  const tail: string[] = [];
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  const accident = await boot(packages, {
    dom0,
    cpus,
    clock,
    consoleLog,
    limit: limit * 1000,
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
    console.log(`\nlast lines of ${consoleLog}:\n${tail.map((t) => `  | ${t}\n`).join("")}`);
  }
  const what = name === "rig" ? `with ${store}` : name;
  console.log(
    `xen host ${what}: ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds()}`,
  );
  if (fault !== null) console.log(`FAILED: ${fault}`);
  return fault === null;
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
