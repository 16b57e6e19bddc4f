/**
 * What it costs clients that requests are counted and turns measured, always: rounds of load on two daemons from the same
 * source, one of which counts nothing, in turns. Prints the ratio of their rates, of which the goal is 0.98, and the
 * processor time of an operation, which other programs on the machine change less.
 *
 *     deno task bench:counting-load [--rounds=25] [--operations=8000] [--persist=none]
 *
 * Needs gcc and taskset.
 */
import { parseArgs } from "@std/cli/parse-args";
import { V8_FLAGS } from "../lib/limits.ts";
import { type ServerProcess, startServer } from "../tests/support/process.ts";
import { makeScratch } from "../tests/support/scratch.ts";
import { buildLoad, type LoadSpec, type Operation, runLoad } from "./load.ts";
import { machine } from "./machine.ts";
import { cpuSeconds, pin } from "./process.ts";
import { median, quartiles, table } from "./report.ts";

/** The warm-up is so many times as long as a round. */
const WARM_UP = 10;
const LOADS: readonly (readonly [Operation, connections: number])[] = [
  ["read", 1],
  ["read", 16],
  ["write", 1],
  ["write", 16],
  ["transaction", 16],
];

const flags = parseArgs(Deno.args, { string: ["rounds", "operations", "persist"] });
const rounds = Number(flags.rounds ?? 25), operations = Number(flags.operations ?? 8_000);
const persist = String(flags.persist ?? "none");

const load = await buildLoad();
await using scratch = await makeScratch();

async function start(name: string, main: string): Promise<ServerProcess> {
  const socketPath = `${scratch.path}/${name}`;
  const words = [
    "run",
    "-A",
    `--v8-flags=${V8_FLAGS.join(",")}`,
    new URL(main, import.meta.url).pathname,
  ];
  const server = await startServer({
    name,
    command: Deno.execPath(),
    args: [...words, "serve", "--socket", socketPath, "--persist", persist],
    socketPath,
  });
  await pin(server.pid);
  return server;
}

await using counted = await start("counted", "../cmd/main.ts");
await using uncounted = await start("uncounted", "uncounted_daemon.ts");

interface Round {
  readonly rate: number;
  /** Processor time of an operation, in µs. */
  readonly cpu: number;
}

async function run(
  { pid, socketPath: socket }: ServerProcess,
  [operation, connections]: readonly [Operation, number],
  count: number,
): Promise<Round> {
  const spec: LoadSpec = { socket, operation, connections, operations: count };
  const before = await cpuSeconds(pid);
  const { rate } = await runLoad(load, spec);
  return { rate, cpu: (await cpuSeconds(pid) - before) * 1e6 / count };
}

for (const one of LOADS) {
  for (const server of [counted, uncounted]) await run(server, one, operations * WARM_UP);
}
const results = LOADS.map((one) => ({ one, ours: [] as Round[], theirs: [] as Round[] }));
for (let round = 0; round < rounds; round++) {
  for (const { one, ours, theirs } of results) {
    // Each is first as often as the other.
    if (round % 2 === 0) ours.push(await run(counted, one, operations));
    theirs.push(await run(uncounted, one, operations));
    if (round % 2 !== 0) ours.push(await run(counted, one, operations));
  }
}

function mean(all: readonly Round[]): number {
  return all.reduce((sum, { cpu }) => sum + cpu, 0) / all.length;
}

const rows = results.map(({ one, ours, theirs }) => {
  const ratios = ours.map(({ rate }, i) => rate / theirs[i]!.rate);
  const [lower, upper] = quartiles(ratios);
  const [withIt, without] = [mean(ours), mean(theirs)];
  return [
    one.join(", "),
    median(ours.map(({ rate }) => rate)).toFixed(0),
    `${median(ratios).toFixed(3)} (${lower.toFixed(2)}-${upper.toFixed(2)})`,
    `${withIt.toFixed(2)}, ${without.toFixed(2)}: ${(without / withIt).toFixed(3)}`,
  ];
});
console.log(machine());
console.log(table(
  [
    "operation, connections",
    "counted, 1/s",
    "counted/uncounted",
    "processor µs: counted, not, ratio",
  ],
  rows,
));
