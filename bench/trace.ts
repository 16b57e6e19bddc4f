/**
 * What a trace costs those who are not traced for: rounds of load on one daemon without a reader, with one that takes nothing,
 * and with one that takes all, in turns. Prints medians of operations a second, and their part of those without a reader.
 *
 *     deno task bench:trace [--rounds=25] [--operations=8000]
 *
 * Needs gcc and taskset. A reader that takes all shares the load's core.
 */
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../lib/clock.ts";
import { FrameStream } from "../lib/client/frames.ts";
import { openStream } from "../lib/client/stream.ts";
import { startDaemon } from "../tests/support/daemon.ts";
import { buildLoad, type Operation, runLoad } from "./load.ts";
import { machine } from "./machine.ts";
import { pin } from "./process.ts";
import { median, table } from "./report.ts";

const CONNECTIONS = 16;
/** The warm-up is so many times as long as a round. */
const WARM_UP = 10;
/** Operations before a round that are not counted: a reader that takes nothing has by then more than the daemon keeps for it. */
const FILLING = 16_384;
const WAYS = ["no reader", "a slow reader", "a reader"] as const;
const LOADS: readonly Operation[] = ["read", "write", "transaction"];

type Way = typeof WAYS[number];

const flags = parseArgs(Deno.args, { string: ["rounds", "operations"] });
const rounds = Number(flags.rounds ?? 25), operations = Number(flags.operations ?? 8_000);

const load = await buildLoad();
await using daemon = await startDaemon({ args: ["--persist", "crash"] });
await pin(daemon.pid);
const socket = daemon.socketPath;

async function open(): Promise<FrameStream> {
  const options = { clock: systemClock, timeout: 10_000 };
  return await FrameStream.open(await openStream(socket), socket, ["messages"], options);
}

/** Takes what comes, and looks at nothing. */
async function takeAll(stream: FrameStream): Promise<void> {
  while (await stream.next() !== null);
}

async function measure(way: Way, operation: Operation, count: number): Promise<number> {
  const stream = way === "no reader" ? null : await open();
  const taking = stream !== null && way === "a reader" ? takeAll(stream) : null;
  const spec = { socket, operation, connections: CONNECTIONS, operations: FILLING };
  await runLoad(load, spec);
  const { rate } = await runLoad(load, { ...spec, operations: count });
  stream?.close();
  await taking;
  return rate;
}

const rates = new Map<string, number[]>();
for (const operation of LOADS) {
  for (const way of WAYS) await measure(way, operation, operations * WARM_UP);
}
for (let round = 0; round < rounds; round++) {
  for (const operation of LOADS) {
    for (const way of WAYS) {
      const key = `${operation} ${way}`;
      rates.set(key, [...rates.get(key) ?? [], await measure(way, operation, operations)]);
    }
  }
}
console.log(await machine());
const rows = LOADS.flatMap((operation) => {
  const none = median(rates.get(`${operation} ${WAYS[0]}`)!);
  return WAYS.map((way) => {
    const rate = median(rates.get(`${operation} ${way}`)!);
    return [operation, way, rate.toFixed(0), (rate / none).toFixed(2)];
  });
});
console.log(table(["operation", "traced by", "operations/s", "part"], rows));
