/**
 * How long the store is away when the daemon is killed: from the start of the next one to its
 * first answer, for stores of several sizes on a simulated host:
 *
 *     deno task bench:recovery [BINARY...]
 *
 * of `build/xs`, or of several binaries in turn, each with a store that it has made itself.
 */
import { MessageType } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";
import { RawClient } from "../tests/support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../tests/support/simulation/simulated_host.ts";
import { startDaemon } from "../tests/support/daemon.ts";
import type { ServerProcess } from "../tests/support/process.ts";
import { machine } from "./machine.ts";
import { cpuSeconds, residentBytes } from "./process.ts";
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

/** A binary's daemon on a host of its own, with a store that it has filled. */
class Subject implements AsyncDisposable {
  readonly atOnce: number[] = [];
  readonly rested: number[] = [];
  /** Processor time that the latter took, of all threads, in ms. */
  readonly processor: number[] = [];
  /** What the daemon has in memory when it has recovered and is at rest, in bytes. */
  resident = 0;

  private constructor(
    readonly binary: string,
    private readonly host: SimulatedHost,
    private daemon: ServerProcess,
  ) {}

  static async make(binary: string, what: Case): Promise<Subject> {
    const host = await SimulatedHost.make();
    const subject = new Subject(binary, host, await start(binary, host));
    const client = await RawClient.connect(host.socketPath);
    await fill(host, client, what);
    client.close();
    await subject.#kill();
    await subject.#keep("atOnce");
    await subject.#restart("atOnce");
    await rest();
    subject.resident = await residentBytes(subject.daemon.pid);
    await subject.#kill();
    await subject.#keep("rested");
    return subject;
  }

  async #kill(): Promise<void> {
    Deno.kill(this.daemon.pid, "SIGKILL");
    await this.daemon.status;
    this.host.daemonDied();
  }

  /** Files that a store has, as the daemon that was killed has left them. */
  async #keep(as: string): Promise<void> {
    for (const end of FILES) {
      await Deno.copyFile(this.host.socketPath + end, `${this.host.path}/${as}${end}`);
    }
  }

  /** Times from start to first answer with the files kept. */
  async time(kept: "atOnce" | "rested"): Promise<void> {
    await this.#restart(kept);
    await this.#kill();
  }

  async #restart(kept: "atOnce" | "rested"): Promise<void> {
    for (const end of FILES) {
      await Deno.copyFile(`${this.host.path}/${kept}${end}`, this.host.socketPath + end);
    }
    const began = performance.now();
    this.daemon = await start(this.binary, this.host);
    const client = await RawClient.connect(this.host.socketPath);
    await ask(client, MessageType.READ, ["/tool/xenstored\0"]);
    this[kept].push(performance.now() - began);
    if (kept === "rested") this.processor.push(1000 * await cpuSeconds(this.daemon.pid));
    client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.stop();
    await this.host[Symbol.asyncDispose]();
  }
}

const FILES = [".store", ".store-wal", ".store.tail"];

function start(binary: string, host: SimulatedHost): Promise<ServerProcess> {
  Deno.env.set("XS_BINARY", binary);
  return startDaemon({ socket: host.socketPath, env: host.env() });
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}

/** Rounds alternate between the binaries, since a shared machine is twice as fast a minute later. */
async function measure(binaries: readonly string[], what: Case): Promise<string[][]> {
  const subjects: Subject[] = [];
  await using stack = new AsyncDisposableStack();
  for (const binary of binaries) subjects.push(stack.use(await Subject.make(binary, what)));
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of subjects) {
      await subject.time("atOnce");
      await subject.time("rested");
    }
  }
  return subjects.map(({ atOnce, binary, processor, resident, rested }) => [
    `${what.nodes}`,
    `${what.domains}`,
    // The first was in the fresh page cache of a store just written.
    ...[atOnce.slice(1), rested].map(spread),
    median(processor).toFixed(0),
    (resident / 1e6).toFixed(0),
    ...(binaries.length > 1 ? [binary] : []),
  ]);
}

function spread(times: readonly number[]): string {
  const [low, middle, high] = [Math.min(...times), median(times), Math.max(...times)];
  return `${middle.toFixed(0)} (${low.toFixed(0)}-${high.toFixed(0)})`;
}

async function main(): Promise<void> {
  const missing = simulationMissing();
  if (missing !== undefined) throw new Error(`no host to measure on: ${missing}`);
  const own = new URL("../build/xs", import.meta.url).pathname;
  const binaries = Deno.args.length > 0 ? Deno.args : [own];
  for (const binary of binaries) {
    await Deno.stat(binary).catch(() => {
      throw new Error(`no ${binary}: run \`deno task compile\` first`);
    });
  }
  const rows: string[][] = [];
  for (const what of CASES) rows.push(...await measure(binaries, what));
  const head = [
    "nodes",
    "domains",
    "killed under load, ms",
    "killed at rest, ms",
    "processor time of that, ms",
    "memory at rest, MB",
    ...(binaries.length > 1 ? ["binary"] : []),
  ];
  console.log(`${machine()}; medians of ${ROUNDS} (lowest-highest)\n\n${table(head, rows)}`);
}

await main();
