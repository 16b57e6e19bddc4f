/**
 * Debian's own Xenstore daemons, run without Xen, as oracles and as yardsticks. They come with
 * Debian's xen-utils-4.17; xensim.c, preloaded, stands in for the hypervisor's side.
 */
import { buildSimulation } from "./xensim.ts";
import { type ServerProcess, startServer } from "../process.ts";
import { makeScratch } from "../scratch.ts";

/** "c" is C xenstored, "o" is oxenstored. */
export type ReferenceKind = "c" | "o";

export interface ReferenceDaemon extends ServerProcess {
  readonly kind: ReferenceKind;
  /** The simulated host's folder; xensim.c says what is in it. */
  readonly dir: string;
}

const LIBEXEC = "/usr/lib/xen-4.17/bin";
const BINARY: Readonly<Record<ReferenceKind, string>> = {
  c: `${LIBEXEC}/xenstored`,
  o: `${LIBEXEC}/oxenstored`,
};
const NAME: Readonly<Record<ReferenceKind, string>> = { c: "C xenstored", o: "oxenstored" };
const PAGE_BYTES = 4096;
const DOMAINS_BYTES = 32_768;

/** Why reference daemons can't run here, in words that say what to install; undefined where they can. */
export async function referenceMissing(): Promise<string | undefined> {
  const needs: readonly (readonly [string, string])[] = [
    [BINARY.c, "xen-utils-4.17"],
    [BINARY.o, "xen-utils-4.17"],
    ["/usr/include/xenctrl.h", "libxen-dev"],
    ["/usr/bin/gcc", "gcc"],
  ];
  for (const [path, debianPackage] of needs) {
    if (!(await exists(path))) return `no ${path}: apt-get install ${debianPackage}`;
  }
  return undefined;
}

/**
 * Runs a reference daemon on a simulated host, and waits until it listens on `socket` in the host's folder.
 * @param dir the host's folder, which stays; unless given, a temporary one that `stop` removes
 * @param args more options of the daemon
 * @throws {Error} when it does not come up; the message holds what it printed
 */
export async function startReference(
  kind: ReferenceKind,
  dir?: string,
  args: readonly string[] = [],
): Promise<ReferenceDaemon> {
  const scratch = dir === undefined ? await makeScratch(`xs-reference-${kind}-`) : undefined;
  const host = dir ?? scratch?.path ?? "";
  try {
    const simulation = await buildSimulation();
    await furnish(host);
    const server = await startServer({
      name: NAME[kind],
      command: BINARY[kind],
      args: [...await fixedArguments(kind, host), ...args],
      env: {
        LD_PRELOAD: simulation,
        XENSIM_DIR: host,
        XENSTORED_RUNDIR: host,
        XENSTORED_ROOTDIR: host,
      },
      cwd: host,
      socketPath: `${host}/socket`,
      // oxenstored ignores SIGTERM while it has nothing else to do.
      stopSignal: kind === "o" ? "SIGKILL" : "SIGTERM",
      ...(scratch === undefined ? {} : { cleanUp: () => scratch[Symbol.asyncDispose]() }),
    });
    return Object.assign(server, { kind, dir: host });
  } catch (error) {
    await scratch?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** Gives a simulated host its domain 0, unless it has one. */
async function furnish(host: string): Promise<void> {
  const domains = new Uint8Array(DOMAINS_BYTES);
  domains[0] = 1;
  await writeIfAbsent(`${host}/ring-0`, new Uint8Array(PAGE_BYTES));
  await writeIfAbsent(`${host}/domains`, domains);
}

async function fixedArguments(kind: ReferenceKind, host: string): Promise<string[]> {
  if (kind === "c") return ["-N", "-F", `${host}/pid`];
  const settings = await Deno.readTextFile("/etc/xen/oxenstored.conf");
  const kept = settings.split("\n").filter((line) => !/^pid-file\b/.test(line));
  const file = `${host}/oxenstored.conf`;
  await Deno.writeTextFile(file, [`pid-file = ${host}/pid`, ...kept].join("\n"));
  return ["--no-fork", "--no-access-log", "--config-file", file];
}

async function writeIfAbsent(path: string, bytes: Uint8Array): Promise<void> {
  if (!(await exists(path))) await Deno.writeFile(path, bytes);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
