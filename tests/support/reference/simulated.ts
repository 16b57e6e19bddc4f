import { referenceMissing } from "./daemon.ts";
import { type ServerProcess, startServer } from "../process.ts";
import { type SimulatedHost, simulationMissing } from "../simulation/simulated_host.ts";

/** "c" is C xenstored, "o" is oxenstored: Debian's, of Xen 4.17. */
export type ReferenceKind = "c" | "o";

const LIBEXEC = "/usr/lib/xen-4.17/bin";

/** Why the reference daemons can't run on a simulated host here; undefined where they can. */
export async function simulatedReferenceMissing(): Promise<string | undefined> {
  return simulationMissing() ?? await referenceMissing();
}

/** Runs a reference daemon on the host, with the stand-in preloaded, and waits until it listens. */
export async function startSimulatedReference(
  kind: ReferenceKind,
  host: SimulatedHost,
): Promise<ServerProcess> {
  const isC = kind === "c";
  return await startServer({
    name: isC ? "C xenstored" : "oxenstored",
    command: `${LIBEXEC}/${isC ? "xenstored" : "oxenstored"}`,
    args: isC
      ? ["-N", "-F", `${host.path}/pid`]
      : ["--no-fork", "--no-access-log", "--config-file", await configure(host)],
    env: {
      LD_PRELOAD: host.standIn,
      XENHOST_DIR: host.path,
      XENSTORED_RUNDIR: host.path,
      XENSTORED_ROOTDIR: host.path,
    },
    cwd: host.path,
    socketPath: host.socketPath,
    // oxenstored ignores SIGTERM while it has nothing else to do.
    stopSignal: isC ? "SIGTERM" : "SIGKILL",
  });
}

async function configure(host: SimulatedHost): Promise<string> {
  const settings = await Deno.readTextFile("/etc/xen/oxenstored.conf");
  const kept = settings.split("\n").filter((line) => !/^pid-file\b/.test(line));
  const file = `${host.path}/oxenstored.conf`;
  await Deno.writeTextFile(file, [`pid-file = ${host.path}/pid`, ...kept].join("\n"));
  return file;
}
