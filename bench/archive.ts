/**
 * How long `xs dump`, `xs restore` and `xs diff` take on a large store, what memory they take, and
 * how long another client waits for its answers meanwhile, `deno task bench:archive [--nodes=N]`.
 */
import { parseArgs } from "@std/cli/parse-args";
import { MessageType } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";
import { RawClient } from "../tests/support/raw_client.ts";
import { startDaemon, xsCommand } from "../tests/support/daemon.ts";
import { makeScratch } from "../tests/support/scratch.ts";
import { machine } from "./machine.ts";
import { cpuSeconds } from "./process.ts";
import { table } from "./report.ts";

/** Requests in flight at once. */
const BATCH = 500;
/** Between two pings, in ms. */
const PING_MS = 1;
/** So long idle that images are made, in ms. */
const REST_MS = 2_000;

function nodeCount(): number {
  return Number(parseArgs(Deno.args, { string: ["nodes"] }).nodes ?? 100_000);
}

async function fill(socket: string, count: number): Promise<void> {
  const client = await RawClient.connect(socket);
  for (let from = 0; from < count; from += BATCH) {
    await client.exchange(
      ...Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
        type: MessageType.WRITE,
        txId: 0,
        payload: toBytes(
          `/local/domain/${1 + (from + i) % 1_000}/device/vif/${(from + i) % 7}/key${from + i}\0` +
            `value of usual length ${from + i}`,
        ),
      })),
    );
  }
  client.close();
}

/** Asks again and again; the longest wait for an answer. */
class Pinger {
  worst = 0;
  #over = false;
  readonly #done: Promise<void>;

  constructor(private readonly client: RawClient) {
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    const ping = { type: MessageType.READ, txId: 0, payload: toBytes("/tool/xenstored\0") };
    while (!this.#over) {
      const began = performance.now();
      await this.client.exchange(ping);
      this.worst = Math.max(this.worst, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, PING_MS));
    }
  }

  async end(): Promise<number> {
    this.#over = true;
    await this.#done;
    return this.worst;
  }
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly megabytes: number;
}

/** Runs a command of `xs`; how long it took, what of it was work, and the most memory it had. */
async function run(args: readonly string[]): Promise<Cost> {
  const [command, ...words] = xsCommand();
  const began = performance.now();
  const { code, stderr } = await new Deno.Command("/usr/bin/env", {
    args: ["bash", "-c", `${TIME} -f "%M %U %S" "$@"`, "bash", command, ...words, ...args],
  }).output();
  const ms = performance.now() - began;
  const text = new TextDecoder().decode(stderr);
  if (code > 1) throw new Error(`xs ${args.join(" ")}: ${text}`);
  const [kilobytes = 0, user = 0, system = 0] = text.trim().split("\n").at(-1)!.split(" ").map(
    Number,
  );
  return { ms, cpuMs: (user + system) * 1_000, megabytes: kilobytes / 1_000 };
}

function highest(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(text)![1]) / 1_000;
}

/** The program that measures a command's memory: bash has none of its own. */
const TIME = "/usr/bin/time";

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  if (!isThere(TIME)) {
    console.error(`bench:archive: there is no ${TIME} (Debian: apt install time)`);
    Deno.exit(1);
  }
  const count = nodeCount();
  await using scratch = await makeScratch();
  await using daemon = await startDaemon();
  const socket = daemon.socketPath, { path } = scratch;
  await fill(socket, count);
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const live = ["--socket", socket];
  const commands: readonly (readonly string[])[] = [
    ["dump", "-o", `${path}/stream`, ...live],
    ["dump", "--format", "json", "-o", `${path}/json`, ...live],
    ["dump", "--format", "text", "-o", `${path}/text`, ...live],
    ["restore", `${path}/stream`, "--into", "live", "--dry-run", ...live],
    ["restore", `${path}/stream`, "--into", "live", ...live],
    ["restore", `${path}/stream`, "--into", `${path}/store`],
    ["dump", `${path}/store`, "-o", `${path}/again`],
    ["diff", `${path}/stream`, "live", ...live],
  ];
  const client = await RawClient.connect(socket);
  const idle = new Pinger(client);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const rows: string[][] = [["(nothing)", "", "", "", "", "", (await idle.end()).toFixed(1)]];
  for (const args of commands) {
    const pinger = new Pinger(client);
    const before = await cpuSeconds(daemon.pid);
    const cost = await run(args);
    const worst = await pinger.end();
    const words = args.filter((word) => word !== "--socket" && word !== socket);
    rows.push([
      words.join(" ").replaceAll(`${path}/`, ""),
      cost.ms.toFixed(0),
      cost.cpuMs.toFixed(0),
      (1_000 * (await cpuSeconds(daemon.pid) - before)).toFixed(0),
      cost.megabytes.toFixed(0),
      highest(daemon.pid).toFixed(0),
      worst.toFixed(1),
    ]);
  }
  client.close();
  const head = [
    "xs",
    "ms",
    "its CPU, ms",
    "the daemon's, ms",
    "its memory, MB",
    "the daemon's highest, MB",
    "longest answer, ms",
  ];
  console.log(`${machine()}; ${count} nodes\n\n${table(head, rows)}`);
}

await main();
