/**
 * A flood of writes on a history in a file, in this process: that the file stays within its bound, memory is flat, and what a quiet
 * client did before it is still there. `deno task bench:history-flood [COUNT]`, ten million unless told: some minutes.
 */
import type { History } from "../lib/history/history.ts";
import { log } from "../lib/history/queries.ts";
import { MessageType as T } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";
import { openRecorded } from "../tests/support/recorded_engine.ts";

const [count = "10000000"] = Deno.args;
const WRITES = Number(count), BYTES = 64 * 2 ** 20;
/** Each writes to so many paths, in turn, with values that compress badly. */
const FLOODS = 4, PATHS = 500, PER_TURN = 8, LOOK_EVERY = WRITES / 10;

const folder = Deno.makeTempDirSync({ dir: "/dev/shm" });
const recorded = openRecorded(`${folder}/store`, {
  bytes: BYTES,
  log: (_, text) => console.log(text),
});
const { engine, journal } = recorded, keeper = recorded.keeper!;

type Write = (path: string, value: string) => void;

function clientOf(command: string): Write {
  const author = { kind: "process", domid: 0, pid: 1, startTime: 1, uid: 0, command } as const;
  const outbox = { reply: (): void => {}, event: (): void => {} };
  const told = { kind: "socket", domid: 0, label: command, outbox, process: { author } } as const;
  const client = engine.connect(told);
  return (path, value) => {
    const payload = toBytes(`${path}\0${value}`);
    const header = { type: T.WRITE, reqId: 0, txId: 0, len: payload.length };
    engine.handle(client, header, payload, 0);
  };
}

function turn(): void {
  journal.commit();
  journal.maintain(false);
  keeper.maintain(false);
}

function sizeOf(history: History): number {
  const sizes = ["", "-wal"].map((end) => Deno.statSync(history.path + end).size);
  return sizes.reduce((sum, size) => sum + size);
}

const quiet = clientOf("quiet"),
  floods = Array.from({ length: FLOODS }, (_, i) => clientOf(`flood${i}`));
for (let i = 0; i < 20; i++) {
  quiet(`/quiet/${i}`, `${i}`);
  turn();
}
const history = keeper.history!, began = performance.now();
let most = 0, least = Infinity, resident = 0;
for (let i = 0; i < WRITES; i++) {
  const value = `${Math.imul(i, 2_654_435_761) >>> 0} ${i}`;
  floods[i % FLOODS]!(`/flood/${i % FLOODS}/${Math.floor(i / FLOODS) % PATHS}`, value);
  if (i % PER_TURN === PER_TURN - 1) turn();
  if (i % 100_000 !== 0) continue;
  most = Math.max(most, sizeOf(history));
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (i < LOOK_EVERY * 2) continue;
  const { rss } = Deno.memoryUsage();
  least = Math.min(least, rss);
  resident = Math.max(resident, rss);
}
turn();
const seconds = (performance.now() - began) / 1_000;
while (keeper.maintain(true));
let found = 0, newest = 0;
for (const item of log(history, {})) {
  if (item === null || !("type" in item)) continue;
  newest = item.number;
  if (item.type === "commit" && item.author.kind === "process" && item.author.command === "quiet") {
    found++;
  }
}
const MB = 2 ** 20;
console.log(`${WRITES} writes in ${seconds.toFixed(1)} s: ${history.blocks.heads.length} blocks`);
console.log(
  `file and log: ${(most / MB).toFixed(1)} MB at most, ${
    (sizeOf(history) / MB).toFixed(1)
  } MB at the end`,
);
console.log(`resident memory: ${(least / MB).toFixed(0)} to ${(resident / MB).toFixed(0)} MB`);
console.log(
  `${found} of 20 commits of the quiet client; the newest is #${newest} of #${history.last}`,
);
const isRight = found === 20 && newest === history.last && most < BYTES * 1.25;
journal.close();
keeper.close();
Deno.removeSync(folder, { recursive: true });
if (!isRight) Deno.exit(1);
