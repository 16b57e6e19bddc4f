/**
 * Measures `xs` beside Debian's C xenstored and oxenstored, in one run whose rounds alternate
 * between them, and prints tables of medians: figures of different runs can't be compared.
 *
 *     deno task bench [--rounds=25] [--operations=8000] [--before=BINARY]
 *
 * With --before, it measures another compiled `xs` instead of the other daemons. The same binary twice
 * tells how far chance goes.
 *
 * Many short rounds say more than few long ones: what a shared machine gives changes within
 * seconds, and the shorter a round, the more its contenders have in common. Daemon and load have a
 * core each. Needs what the tests against reference daemons need, and `taskset`.
 */
import { parseArgs } from "@std/cli/parse-args";
import { startDaemon } from "../tests/support/daemon.ts";
import type { ServerProcess } from "../tests/support/process.ts";
import { referenceMissing, startReference } from "../tests/support/reference/daemon.ts";
import {
  buildLoad,
  type Figures,
  type LoadSpec,
  type Operation,
  OPERATIONS,
  runLoad,
} from "./load.ts";
import { machine } from "./machine.ts";
import { median, quartiles, table } from "./report.ts";
import { cpuSeconds, pin, residentBytes, timeReads } from "./process.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const CONNECTIONS = [1, 16] as const;
const IDLE_MS = 1_500;
const READS = 40;
/** The warm-up is so many times as long as a round: what is called often enough gets compiled. */
const WARM_UP = 10;

interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
}

/** Two contenders, by their places, whose rates are compared. */
interface Pair {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
}

/** Who is measured in one run, and what is compared. */
interface Contest extends AsyncDisposable {
  readonly contenders: readonly Contender[];
  readonly pairs: readonly Pair[];
}

/** What one contender did in one round. */
interface Round extends Figures {
  /** Processor time of the daemon for each operation, in µs. */
  readonly cpu: number;
}

/** The rounds of each contender, by operation and number of connections. */
type Results = Map<string, Map<string, Round[]>>;

function textOption(name: string): string | null {
  const given = parseArgs(Deno.args, { string: [name] })[name];
  return given === undefined ? null : `${given}`;
}

function numberOption(name: string, fallback: number): number {
  const given = textOption(name);
  const value = given === null ? fallback : Number(given);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--${name}=${given}: want a number from 1 up`);
}

function rowName(operation: Operation, connections: number): string {
  return `${operation}, ${connections}`;
}

/** Runs all rounds; the first is a warm-up that does not count. */
async function measure(contenders: readonly Contender[]): Promise<Results> {
  const rounds = numberOption("rounds", 25);
  const operations = numberOption("operations", 8_000);
  const load = await buildLoad();
  const results: Results = new Map();
  for (let round = 0; round <= rounds; round++) {
    console.error(round === 0 ? "warm-up" : `round ${round} of ${rounds}`);
    for (const operation of OPERATIONS) {
      for (const connections of CONNECTIONS) {
        // Rotated, so that none always follows the same other.
        for (let i = 0; i < contenders.length; i++) {
          const { name, server } = contenders[(i + round) % contenders.length]!;
          const spec = { operation, connections, operations };
          if (round === 0) spec.operations *= WARM_UP;
          const figures = await runOne(load, server, spec);
          if (round === 0) continue;
          const row = results.getOrInsertComputed(rowName(operation, connections), () => new Map());
          row.getOrInsertComputed(name, () => []).push(figures);
        }
      }
    }
  }
  return results;
}

async function runOne(
  load: string,
  { pid, socketPath: socket }: ServerProcess,
  spec: Omit<LoadSpec, "socket">,
): Promise<Round> {
  const before = await cpuSeconds(pid);
  const figures = await runLoad(load, { socket, ...spec });
  return { ...figures, cpu: (await cpuSeconds(pid) - before) * 1e6 / spec.operations };
}

/**
 * The median of the rounds' ratios, with their quartiles: the rounds differ more than the contenders
 * within one.
 */
function ratioOf(ours: readonly Round[], theirs: readonly Round[]): string {
  const ratios = ours.map((round, i) => round.rate / (theirs[i]?.rate ?? NaN));
  const [lower, upper] = quartiles(ratios);
  return `${median(ratios).toFixed(2)} (${lower.toFixed(2)}-${upper.toFixed(2)})`;
}

function rateTable(results: Results, names: readonly string[], pairs: readonly Pair[]): string {
  const ratios = pairs.map(({ name }) => name);
  const head = ["operation, connections", ...names.map((name) => `${name}, 1/s`), ...ratios];
  const rows = [...results].map(([name, row]) => {
    const all = names.map((contender) => row.get(contender) ?? []);
    const rates = all.map((figures) => median(figures.map(({ rate }) => rate)).toFixed(0));
    const of = pairs.map(({ ours, theirs }) => ratioOf(all[ours] ?? [], all[theirs] ?? []));
    return [name, ...rates, ...of];
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

function cpuTable(results: Results, names: readonly string[]): string {
  const head = ["processor time per operation, µs", ...names];
  const rows = [...results].map(([name, row]) => {
    // Means: the kernel counts in units that are longer than some rounds take.
    const means = names.map((contender) => mean((row.get(contender) ?? []).map(({ cpu }) => cpu)));
    return [name, ...means.map((value) => value.toFixed(1))];
  });
  return table(head, rows);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function memoryOf(contenders: readonly Contender[]): Promise<string[]> {
  const megabytes = contenders.map(async ({ server }) =>
    ((await residentBytes(server.pid)) / 1e6).toFixed(1)
  );
  return await Promise.all(megabytes);
}

function startXs(binary: string, ...args: string[]): Promise<ServerProcess> {
  Deno.env.set("XS_BINARY", binary);
  return startDaemon({ args });
}

/** `binary` beside Debian's daemons. */
async function contestWithPeers(binary: string): Promise<Contest> {
  const missing = await referenceMissing();
  if (missing !== undefined) throw new Error(`nothing to measure beside: ${missing}`);
  return contest([
    { name: "xs none", server: await startXs(binary, "--persist", "none") },
    { name: "xs crash", server: await startXs(binary) },
    { name: "C xenstored", server: await startReference("c") },
    { name: "oxenstored", server: await startReference("o") },
  ], [
    { name: "none/C", ours: 0, theirs: 2 },
    { name: "crash/C", ours: 1, theirs: 2 },
    { name: "none/O", ours: 0, theirs: 3 },
    { name: "crash/none", ours: 1, theirs: 0 },
  ]);
}

/** `binary` beside the one of before. */
async function contestWithBefore(binary: string, before: string): Promise<Contest> {
  return contest([
    { name: "none", server: await startXs(binary, "--persist", "none") },
    { name: "none before", server: await startXs(before, "--persist", "none") },
    { name: "crash", server: await startXs(binary) },
    { name: "crash before", server: await startXs(before) },
  ], [
    { name: "none/before", ours: 0, theirs: 1 },
    { name: "crash/before", ours: 2, theirs: 3 },
  ]);
}

function contest(contenders: readonly Contender[], pairs: readonly Pair[]): Contest {
  return {
    contenders,
    pairs,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const { server } of contenders) await server.stop();
    },
  };
}

async function main(): Promise<void> {
  const binary = `${ROOT}build/xs`;
  await Deno.stat(binary).catch(() => {
    throw new Error(`no ${binary}: run \`deno task compile\` first`);
  });
  const before = textOption("before");
  await using measured = before === null
    ? await contestWithPeers(binary)
    : await contestWithBefore(binary, before);
  const { contenders, pairs } = measured;
  const names = contenders.map(({ name }) => name);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idle = await memoryOf(contenders);
  const reads = await timeReads(binary, contenders[0]!.server.socketPath, READS);
  for (const { server } of contenders) await pin(server.pid);
  const results = await measure(contenders);
  const loaded = await memoryOf(contenders);
  console.log([
    machine(),
    rateTable(results, names, pairs),
    cpuTable(results, names),
    latencyTable(results, names),
    table(["resident memory, MB", ...names], [["idle", ...idle], ["after the run", ...loaded]]),
    `\`xs read\`, start to exit: median ${median(reads).toFixed(0)} ms of ${READS}`,
  ].join("\n\n"));
}

await main();
