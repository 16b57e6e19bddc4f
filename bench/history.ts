/**
 * What it costs to record what is done: requests to an engine with a journal, in turns, in this process, without sockets. Prints
 * nanoseconds for each request; `deno task bench:history [off|on] [ROUNDS]`. Each is a process of its own, since code that has
 * seen a listener is compiled for both. Times are those for which the thread has the processor.
 */
import type { Connection } from "../lib/engine/connection.ts";
import { MessageType as T } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";
import { processorMs } from "./processor_time.ts";
import { openRecorded } from "../tests/support/recorded_engine.ts";

const TURNS = 5_000;
/** Requests of a turn: one for a lone client, some eight with sixteen. */
const WIDTHS = [1, 8];
const [how = "on", rounds = "7"] = Deno.args;

const folder = Deno.makeTempDirSync({ dir: "/dev/shm" });
const { engine, journal, keeper } = openRecorded(`${folder}/store`, {
  bytes: how === "on" ? 16 * 2 ** 20 : null,
  log: (_, text) => console.log(text),
});
let txId = 0;
const outbox = {
  reply: (type: number, _reqId: number, _txId: number, payload: Uint8Array): void => {
    if (type === T.TRANSACTION_START) txId = parseInt(new TextDecoder().decode(payload));
    if (type === T.ERROR) throw new Error(new TextDecoder().decode(payload));
  },
  event: (): void => {},
};
const AUTHOR = { kind: "process", domid: 0, startTime: 1, uid: 0, command: "bench/load" } as const;
const clients = Array.from(
  { length: 16 },
  (_, i) => {
    const author = { ...AUTHOR, pid: i };
    return engine.connect({
      kind: "socket",
      domid: 0,
      label: `pid ${i}`,
      outbox,
      process: { author },
    });
  },
);

function ask(client: Connection, type: number, payload: Uint8Array, isInside = false): void {
  const header = { type, reqId: 0, txId: isInside ? txId : 0, len: payload.length };
  engine.handle(client, header, payload, 0);
}

const own = (i: number, end: string): Uint8Array => toBytes(`/bench/of/${i}/${end}`);
const values = clients.map((_, i) => [own(i, "state\x000"), own(i, "state\x001")]);
const made = clients.map((_, i) => own(i, "made\0"));
const START = toBytes("\0"), COMMIT = toBytes("T\0");
let n = 0;

/** What each of the clients does, by name. */
const WORK: Readonly<Record<string, (client: Connection, i: number) => void>> = {
  write: (client, i) => ask(client, T.WRITE, values[i]![n++ & 1]!),
  "mkdir + rm": (client, i) => {
    ask(client, T.MKDIR, made[i]!);
    ask(client, T.RM, made[i]!);
  },
  transaction: (client, i) => {
    ask(client, T.TRANSACTION_START, START);
    ask(client, T.WRITE, values[i]![n++ & 1]!, true);
    ask(client, T.TRANSACTION_END, COMMIT, true);
  },
};

function maintain(): void {
  journal.maintain(false);
  keeper?.maintain(false);
}

const times = new Map<string, number[]>();
for (let round = 0; round < Number(rounds) + 2; round++) {
  for (const [name, work] of Object.entries(WORK)) {
    for (const width of WIDTHS) {
      const began = processorMs();
      for (let turn = 0; turn < TURNS; turn++) {
        for (let at = 0; at < width; at++) {
          const i = (turn * width + at) % clients.length;
          work(clients[i]!, i);
        }
        if (!journal.commit()) throw new Error("not committed");
        maintain();
      }
      const ns = (processorMs() - began) * 1e6 / (TURNS * width);
      const what = `${name}, ${width} a turn`;
      // The first two warm up.
      if (round >= 2) times.set(what, [...times.get(what) ?? [], ns]);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
}
for (const [name, all] of times) {
  all.sort((a, b) => a - b);
  const middle = all[all.length >> 1]!.toFixed(0), least = all[0]!.toFixed(0);
  console.log(`${`${name}, ${how}`.padEnd(28)} ${middle} ns, at least ${least} ns`);
}
if (keeper !== null) console.log(`${keeper.history?.last} commits, ${keeper.history?.bytes} bytes`);
journal.close();
keeper?.close();
Deno.removeSync(folder, { recursive: true });
