/**
 * Makes the dumps of this folder anew, by Debian's own daemons on a simulated host; README.md says
 * what is in them. oxenstored's needs root, since it writes where its package says:
 *
 *     deno run -A tests/migrate/corpus/make.ts [FOLDER]
 */
import { runScenario } from "../../support/conformance/run.ts";
import { guest, scenario } from "../../support/conformance/table.ts";
import { RawClient } from "../../support/raw_client.ts";
import { startSimulatedReference } from "../../support/reference/simulated.ts";
import { SimulatedHost } from "../../support/simulation/simulated_host.ts";
import { letDaemonRun, SimulatedWorld } from "../../support/worlds/simulated_world.ts";
import { type ServerProcess, startServer } from "../../support/process.ts";
import { encodeMessage } from "../../../lib/wire/header.ts";
import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";

/** How long a daemon may take to write its state, in ms. */
const DUMP_LIMIT_MS = 20_000;

/** A running daemon with all that a test may want to do to it. */
interface Setting {
  readonly kind: "c" | "o";
  readonly world: SimulatedWorld;
  readonly host: SimulatedHost;
  ask(from: string, type: keyof typeof MessageType, text: string, txId?: number): Promise<string>;
}

/** Nodes, permissions and watches of every kind; domain 3 acts for domain 1. */
async function furnish({ kind, world, ask }: Setting): Promise<void> {
  await runScenario(world, scenario("domains", [...guest(1), ...guest(2), ...guest(3)]));
  // oxenstored never gets to its update while a domain acts for another, not even by force.
  if (kind === "c") await ask("s", "SET_TARGET", "3\x001\0");
  await ask("s", "WRITE", "/local/domain/1/name\0guest-one");
  await ask("s", "WRITE", "/local/domain/1/empty\0");
  await ask("s", "WRITE", "/local/domain/1/bytes\0\x01\xff\n\x7f\0\0");
  await ask("s", "SET_PERMS", "/local/domain/1/name\0n1\0r2\0w3\0b0\0");
  await ask("s", "SET_PERMS", "/local/domain/1/empty\0b0\0");
  await ask("g1", "WRITE", "data/own\0value");
  await ask("g2", "WRITE", "data/sub/deep/er\0x");
  await ask("s", "WATCH", "@releaseDomain\0released\0");
  await ask("s", "WATCH", "/\0\0");
  await ask("g1", "WATCH", "data\0relative token\0");
  await ask("g1", "WATCH", "/local/domain/1/data\0absolute\0");
  await ask("g3", "WATCH", "@introduceDomain\0\xe9\0");
}

/** Adds what is in flight: requests that are not whole, and answers that nobody takes. */
async function leaveInFlight({ world, host, ask }: Setting): Promise<void> {
  await ask("s", "WRITE", `/local/domain/2/long\0${"0123456789".repeat(150)}`);
  await ask("s", "SET_PERMS", "/local/domain/2/long\0n2\0");
  const request = encodeMessage(MessageType.READ, 77, 0, toBytes("long\0"));
  const ring = host.guest(2);
  // Two answers of 1516 bytes, of which the ring holds 1024.
  for (let i = 0; i < 2; i++) {
    if (ring.write(request, 0, request.length) !== request.length) throw new Error("ring is full");
  }
  const half = encodeMessage(MessageType.WRITE, 78, 0, toBytes("data/half\0only a part"));
  const first = host.guest(1);
  if (first.write(half, 0, 25) !== 25) throw new Error("the ring is full");
  await world.hungUp("s");
  await ask("s", "WATCH", "/late\0last\0");
}

async function withDaemon(
  kind: "c" | "o",
  use: (setting: Setting) => Promise<void>,
): Promise<void> {
  const host = await SimulatedHost.make();
  const daemon = kind === "c"
    ? await startSimulatedReference("c", host)
    : await startOxenstored(host);
  await using world = new SimulatedWorld(kind, host, daemon);
  await world.open("s");
  const ask: Setting["ask"] = async (from, type, text, txId = 0) => {
    await world.open(from);
    const messages = await world.request(from, MessageType[type], toBytes(text), txId);
    const reply = messages.at(-1);
    if (reply?.type !== MessageType[type]) {
      throw new Error(`${from} ${type} ${JSON.stringify(text)}: ${reply?.text}`);
    }
    return reply.text;
  };
  await use({ kind, world, host, ask });
}

/** As the other tests start it, but with its fixed folder for state being the host's own. */
async function startOxenstored(host: SimulatedHost): Promise<ServerProcess> {
  const settings = await Deno.readTextFile("/etc/xen/oxenstored.conf");
  const kept = settings.split("\n").filter((line) => !/^pid-file\b/.test(line));
  const file = `${host.path}/oxenstored.conf`;
  await Deno.writeTextFile(file, [`pid-file = ${host.path}/pid`, ...kept].join("\n"));
  await Deno.mkdir("/run/xenstored", { recursive: true });
  return await startServer({
    name: "oxenstored",
    command: "unshare",
    args: [
      "-m",
      "sh",
      "-c",
      `mount --bind ${host.path} /run/xenstored && export LD_PRELOAD=${host.standIn} && ` +
      `exec /usr/lib/xen-4.17/bin/oxenstored --no-fork --no-access-log --config-file ${file}`,
    ],
    env: { XENHOST_DIR: host.path },
    cwd: host.path,
    socketPath: host.socketPath,
    stopSignal: "SIGKILL",
  });
}

/** Lets the daemon update itself into a script that only keeps the state it is given. */
async function liveUpdate({ kind, host }: Setting, into: string): Promise<void> {
  const state = `${host.path}/${kind === "c" ? "state_dump" : "db"}`;
  const script = `${host.path}/next`;
  const text =
    `#!/bin/sh\ncase "$*" in *--help*) exit 0;; esac\ncp '${state}' '${host.path}/kept.new'\n` +
    `mv '${host.path}/kept.new' '${host.path}/kept'\nexec sleep 60\n`;
  await Deno.writeTextFile(script, text, { mode: 0o755 });
  const client = await RawClient.connect(host.socketPath);
  const control = async (...words: string[]): Promise<void> => {
    const payload = toBytes(words.map((word) => `${word}\0`).join(""));
    const [reply] = await client.exchange({ type: MessageType.CONTROL, txId: 0, payload });
    if (reply?.text !== "OK\0") throw new Error(`${words.join(" ")}: ${reply?.text}`);
  };
  await control("live-update", "-f", script);
  const start = toBytes("live-update\0-s\0-t\x000\0-F\0");
  await client.sendBytes(encodeMessage(MessageType.CONTROL, 99, 0, start));
  const deadline = Date.now() + DUMP_LIMIT_MS;
  for (;;) {
    const kept = await Deno.readFile(`${host.path}/kept`).catch(() => null);
    if (kept !== null) {
      await Deno.writeFile(into, kept);
      console.log(`${into}: ${kept.length} bytes`);
      break;
    }
    if (Date.now() > deadline) throw new Error("no state was written");
    await new Promise((resolve) => setTimeout(resolve, 20));
    // oxenstored looks whether it may begin only when something comes.
    if (kind === "o") await client.sendBytes(encodeMessage(MessageType.CONTROL, 99, 0, start));
  }
  client.close();
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? new URL(".", import.meta.url).pathname;
  await withDaemon(
    "o",
    (setting) => liveUpdate(setting, `${folder}/oxenstored-4.17-fresh.txt`),
  );
  await withDaemon("o", async (setting) => {
    await furnish(setting);
    await liveUpdate(setting, `${folder}/oxenstored-4.17-guests.txt`);
  });
  await withDaemon(
    "c",
    (setting) => liveUpdate(setting, `${folder}/c-4.17-fresh.bin`),
  );
  await withDaemon("c", async (setting) => {
    await furnish(setting);
    await liveUpdate(setting, `${folder}/c-4.17-guests.bin`);
  });
  await withDaemon("c", async (setting) => {
    await furnish(setting);
    await leaveInFlight(setting);
    await letDaemonRun();
    await liveUpdate(setting, `${folder}/c-4.17-in-flight.bin`);
  });
}
