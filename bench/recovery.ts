/**
 * How long the store is away when the daemon is killed: from the start of the next one to its
 * first answer, for stores of several sizes on a simulated host, `deno task bench:recovery`.
 */
import { MessageType } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";
import { RawClient } from "../tests/differential/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../tests/simulation/simulated_host.ts";
import { startDaemon } from "../tests/support/daemon.ts";
import { machine } from "./machine.ts";
import { median, table } from "./report.ts";

interface Case {
  readonly nodes: number;
  readonly domains: number;
}

const CASES: readonly Case[] = [
  { nodes: 0, domains: 0 },
  { nodes: 1_000, domains: 0 },
  { nodes: 10_000, domains: 0 },
  { nodes: 100_000, domains: 0 },
  { nodes: 100_000, domains: 1_000 },
];
const ROUNDS = 5;
/** Requests in flight at once. */
const BATCH = 500;
/** So long idle that images are made, in ms. */
const REST_MS = 2_000;

async function ask(
  client: RawClient,
  type: MessageType,
  payloads: readonly string[],
): Promise<void> {
  for (let from = 0; from < payloads.length; from += BATCH) {
    const requests = payloads.slice(from, from + BATCH);
    const replies = await client.exchange(
      ...requests.map((payload) => ({ type, txId: 0, payload: toBytes(payload) })),
    );
    const bad = replies.find((reply) => reply.type !== type);
    if (bad !== undefined) throw new Error(`request of type ${type}: ${bad.text}`);
  }
}

/** Nodes as devices have them: some dozen in each directory. */
function* nodes(count: number, domains: number): Generator<string> {
  for (let i = 0; i < count; i++) {
    const domid = 1 + i % Math.max(domains, 1_000);
    yield `/local/domain/${domid}/device/vif/${Math.trunc(i / 1_000) % 7}/key${i}\0value ${i}`;
  }
}

async function fill(
  host: SimulatedHost,
  client: RawClient,
  { nodes: count, domains }: Case,
): Promise<void> {
  await ask(client, MessageType.WRITE, [...nodes(count, domains)]);
  const domids = Array.from({ length: domains }, (_, i) => 1 + i);
  for (const domid of domids) host.create(domid);
  await ask(client, MessageType.INTRODUCE, domids.map((domid) => `${domid}\x001\x005\0`));
}

/** Times from start to first answer: killed right after the last write, and after a rest. */
async function measure(what: Case): Promise<{ atOnce: number; rested: number }> {
  await using host = await SimulatedHost.make();
  const start = (): ReturnType<typeof startDaemon> =>
    startDaemon({ socket: host.socketPath, env: host.env() });
  let daemon = await start();
  const client = await RawClient.connect(host.socketPath);
  await fill(host, client, what);
  client.close();
  const restart = async (): Promise<number> => {
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.status;
    host.daemonDied();
    const began = performance.now();
    daemon = await start();
    const next = await RawClient.connect(host.socketPath);
    await ask(next, MessageType.READ, ["/tool/xenstored\0"]);
    const took = performance.now() - began;
    next.close();
    return took;
  };
  try {
    const atOnce = await restart();
    const rested: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      rested.push(await restart());
    }
    return { atOnce, rested: median(rested) };
  } finally {
    await daemon.stop();
  }
}

async function main(): Promise<void> {
  const missing = simulationMissing();
  if (missing !== undefined) throw new Error(`no host to measure on: ${missing}`);
  const binary = new URL("../build/xs", import.meta.url).pathname;
  await Deno.stat(binary).catch(() => {
    throw new Error(`no ${binary}: run \`deno task compile\` first`);
  });
  Deno.env.set("XS_BINARY", binary);
  const rows: string[][] = [];
  for (const what of CASES) {
    const { atOnce, rested } = await measure(what);
    rows.push([`${what.nodes}`, `${what.domains}`, atOnce.toFixed(0), rested.toFixed(0)]);
  }
  const head = [
    "nodes",
    "domains",
    "killed under load, ms",
    `killed at rest, ms (median of ${ROUNDS})`,
  ];
  console.log(`${machine()}\n\n${table(head, rows)}`);
}

await main();
