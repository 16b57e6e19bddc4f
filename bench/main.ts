/**
 * Measures `xs` beside Debian's C xenstored and oxenstored, in one run whose rounds alternate
 * between them, and prints tables of medians: figures of different runs can't be compared.
 *
 *     deno task bench [--rounds=5] [--operations=20000]
 *
 * Daemon and load have a core each. Needs what the tests against peers need, and `taskset`.
 */
import { startDaemon } from "../tests/support/daemon.ts";
import type { ServerProcess } from "../tests/support/process.ts";
import { peersMissing, startPeer } from "../tests/peers/peer.ts";
import { buildLoad, type Figures, type Operation, OPERATIONS, runLoad } from "./load.ts";
import { machine } from "./machine.ts";
import { median, table } from "./report.ts";
import { pin, residentBytes, timeReads } from "./process.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const CONNECTIONS = [1, 16] as const;
const IDLE_MS = 1_500;
const READS = 40;

interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
}

/** The rows of one contender, by operation and number of connections. */
type Results = Map<string, Map<string, Figures[]>>;

function numberOption(name: string, fallback: number): number {
  const prefix = `--${name}=`;
  const given = Deno.args.find((arg) => arg.startsWith(prefix));
  const value = given === undefined ? fallback : Number(given.slice(prefix.length));
  if (!Number.isInteger(value) || value < 1) throw new Error(`${given}: want a number from 1 up`);
  return value;
}

function rowName(operation: Operation, connections: number): string {
  return `${operation}, ${connections}`;
}

/** Runs all rounds; the first is a warm-up that does not count. */
async function measure(contenders: readonly Contender[]): Promise<Results> {
  const rounds = numberOption("rounds", 5);
  const operations = numberOption("operations", 20_000);
  const load = await buildLoad();
  const results: Results = new Map();
  for (let round = 0; round <= rounds; round++) {
    console.error(round === 0 ? "warm-up" : `round ${round} of ${rounds}`);
    for (const operation of OPERATIONS) {
      for (const connections of CONNECTIONS) {
        // Rotated, so that none always follows the same other.
        for (let i = 0; i < contenders.length; i++) {
          const contender = contenders[(i + round) % contenders.length]!;
          const socket = contender.server.socketPath;
          const figures = await runLoad(load, { socket, operation, connections, operations });
          if (round === 0) continue;
          const row = results.getOrInsertComputed(rowName(operation, connections), () => new Map());
          row.getOrInsertComputed(contender.name, () => []).push(figures);
        }
      }
    }
  }
  return results;
}

/** The ratio of each round, as the rounds differ more than the contenders within one. */
function medianRatio(ours: readonly Figures[], theirs: readonly Figures[]): string {
  return median(ours.map((figures, i) => figures.rate / (theirs[i]?.rate ?? NaN))).toFixed(2);
}

function rateTable(results: Results, names: readonly string[]): string {
  const ratios = ["none/C", "crash/C", "none/O", "crash/none"];
  const head = ["operation, connections", ...names.map((name) => `${name}, 1/s`), ...ratios];
  const rows = [...results].map(([name, row]) => {
    const all = names.map((contender) => row.get(contender) ?? []);
    const [none = [], crash = [], c = [], o = []] = all;
    const rates = all.map((figures) => median(figures.map(({ rate }) => rate)).toFixed(0));
    const pairs = [[none, c], [crash, c], [none, o], [crash, none]] as const;
    return [name, ...rates, ...pairs.map(([ours, theirs]) => medianRatio(ours, theirs))];
  });
  return table(head, rows);
}

function latencyTable(results: Results, names: readonly string[]): string {
  const head = ["operation, connections", ...names.map((name) => `${name}: p50, p99 in µs`)];
  const rows = [...results].map(([name, row]) => [
    name,
    ...names.map((contender) => {
      const all = row.get(contender) ?? [];
      const p50 = median(all.map((figures) => figures.p50)).toFixed(0);
      return `${p50}, ${median(all.map((figures) => figures.p99)).toFixed(0)}`;
    }),
  ]);
  return table(head, rows);
}

async function memoryOf(contenders: readonly Contender[]): Promise<string[]> {
  const megabytes = contenders.map(async ({ server }) =>
    ((await residentBytes(server.pid)) / 1e6).toFixed(1)
  );
  return await Promise.all(megabytes);
}

async function main(): Promise<void> {
  const missing = await peersMissing();
  if (missing !== undefined) throw new Error(`nothing to measure beside: ${missing}`);
  const binary = `${ROOT}build/xs`;
  await Deno.stat(binary).catch(() => {
    throw new Error(`no ${binary}: run \`deno task compile\` first`);
  });
  Deno.env.set("XS_BINARY", binary);
  await using none = await startDaemon({ args: ["--persist", "none"] });
  await using crash = await startDaemon();
  await using c = await startPeer("c");
  await using o = await startPeer("o");
  const contenders: readonly Contender[] = [
    { name: "xs none", server: none },
    { name: "xs crash", server: crash },
    { name: "C xenstored", server: c },
    { name: "oxenstored", server: o },
  ];
  const names = contenders.map(({ name }) => name);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idle = await memoryOf(contenders);
  const reads = await timeReads(binary, crash.socketPath, READS);
  for (const { server } of contenders) await pin(server.pid);
  const results = await measure(contenders);
  const loaded = await memoryOf(contenders);
  console.log([
    machine(),
    rateTable(results, names),
    latencyTable(results, names),
    table(["resident memory, MB", ...names], [["idle", ...idle], ["after the run", ...loaded]]),
    `\`xs read\`, start to exit: median ${median(reads).toFixed(0)} ms of ${READS}`,
  ].join("\n\n"));
}

await main();
