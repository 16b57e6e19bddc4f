/**
 * Compares what the meter counts with what the work takes: each kind of request, in process, without
 * system calls, the time of its commit included. Prints units and ns of one, and how they go together.
 *
 *     deno task bench:meter [--persist=none|crash] [--history=on|off] [--time=200] [KIND...]
 *
 * A history is recorded unless `--history=off` is given. `--time` is for each kind, in ms. Times are those for which the
 * thread has the processor, and include the garbage collections that fall into them.
 */
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../lib/clock.ts";
import { DOMAIN_EXISTS } from "../lib/engine/domain_control.ts";
import { Engine } from "../lib/engine/engine.ts";
import { READ_UNITS, SEND_UNITS, UNITS_PER_MS } from "../lib/engine/work_meter.ts";
import { QUOTAS } from "../lib/engine/quotas.ts";
import { type Journal, NoJournal } from "../lib/journal/journal.ts";
import { openStore } from "../lib/journal/store_file.ts";
import { HistoryKeeper } from "../lib/server/history/history_keeper.ts";
import { usualHistory } from "../lib/server/history/history_file.ts";
import { Trace } from "../lib/server/logging/trace.ts";
import { Peer } from "../lib/server/peer/peer.ts";
import { Turns } from "../lib/server/scheduler.ts";
import { Redaction } from "../lib/store/redaction.ts";
import { MemoryTransport } from "../tests/support/memory_transport.ts";
import { encodeMessage, getU32, HEADER_SIZE } from "../lib/wire/header.ts";
import { MessageType } from "../lib/wire/message_type.ts";
import { toBytes, toText } from "../lib/wire/text.ts";
import { machine } from "./machine.ts";
import { processorMs } from "./processor_time.ts";
import { median, quartiles, table } from "./report.ts";

type Name = keyof typeof MessageType;
/** A request: its type, its payload with a dot for each NUL, its transaction if it has one. */
type Request = readonly [type: Name, payload: string, transaction?: number];

interface Kind {
  readonly name: string;
  /** What comes before the first time, and before each time, and what is measured. */
  readonly once?: readonly Request[];
  readonly before?: (client: Client) => readonly Request[];
  readonly measured: (client: Client) => readonly Request[];
}

const PIPE_BYTES = 1 << 22;

/** One guest, and what it has asked for. */
class Client {
  readonly #far: MemoryTransport;
  readonly peer: Peer;
  readonly #sink = new Uint8Array(PIPE_BYTES);
  /** The id that its next transaction gets. */
  transaction = 1;
  #round = 0;
  /** Units of the system calls that a socket's would be, which are none here. */
  systemUnits = 0;
  /** What its requests were refused with. */
  readonly errors = new Set<string>();

  constructor(readonly world: World, domid: number) {
    const [near, far] = MemoryTransport.pair(PIPE_BYTES);
    this.#far = far;
    const read = near.read.bind(near), write = near.write.bind(near);
    near.read = (into, at, end) => (this.systemUnits += READ_UNITS, read(into, at, end));
    near.write = (from, at, end) => (this.systemUnits += SEND_UNITS, write(from, at, end));
    const peer = this.peer = new Peer("ring", domid, near, world.turns);
    near.onChange = () => world.turns.ready(peer);
    const label = `domain ${domid}`;
    peer.connection = world.engine.connect({ kind: "ring", domid, label, outbox: peer });
  }

  /** A number that differs from time to time. */
  get round(): number {
    return this.#round;
  }

  send(requests: readonly Request[]): void {
    for (const [type, payload, transaction = 0] of requests) {
      const text = toBytes(payload.replaceAll(".", "\0"));
      const bytes = encodeMessage(MessageType[type], 1, transaction, text).slice();
      if (this.#far.write(bytes, 0, bytes.length) < bytes.length) throw new Error("pipe is full");
    }
    this.#round++;
  }

  /** Takes what has come. */
  drain(): void {
    for (;;) {
      const count = this.#far.read(this.#sink, 0, PIPE_BYTES);
      if (count <= 0) return;
      for (let at = 0; at < count;) {
        const length = getU32(this.#sink, at + 12);
        if (this.#sink[at] === MessageType.ERROR) {
          this.errors.add(toText(this.#sink, at + HEADER_SIZE, at + HEADER_SIZE + length - 1));
        }
        at += HEADER_SIZE + length;
      }
    }
  }
}

class World {
  readonly engine: Engine;
  readonly turns: Turns;
  readonly #journal: Journal;
  readonly #history: HistoryKeeper | null;

  constructor(journal: Journal, store: string | null, isRecorded: boolean) {
    this.#journal = journal;
    const { dirty } = journal;
    const log = (): void => {}, redaction = new Redaction();
    const parts = {
      choice: usualHistory(store),
      journal,
      store,
      redaction,
      log,
      clock: systemClock,
    };
    const keeper = this.#history = isRecorded ? new HistoryKeeper(parts) : null;
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } => (
      { domid, state: DOMAIN_EXISTS, uniqueId: BigInt(domid) }
    );
    this.engine = new Engine({
      domains: { info, open: () => 8, reset: () => {}, close: () => {} },
      ...(dirty === null ? {} : { dirty }),
      ...(keeper === null ? {} : { listener: keeper.listener }),
    });
    this.turns = new Turns(this.engine, journal, new Trace(), () => {}, keeper);
    const { state } = this.engine;
    keeper?.attach(state);
    journal.recover(state);
    journal.begin({ state, rings: () => [] });
    state.commits?.started("nothing");
    // What a guest could do if it were let: figures of what is refused say nothing.
    for (const { name } of QUOTAS) state.domains.quotas.set(name, 0);
    for (const domid of [1, 2]) {
      state.domains.know(domid);
      const home = `/local/domain/${domid}`;
      state.tree.create(
        home,
        [domid],
        { label: "set-up" },
        domid === 1 ? 0 : "/local/domain".length,
      );
    }
  }

  close(): void {
    this.#journal.close();
    this.#history?.close();
  }

  turn(): void {
    this.turns.turn(performance.now());
    this.turns.maintain(false);
  }

  settle(client: Client): void {
    for (let i = 0; this.turns.pending; i++) {
      this.turn();
      client.drain();
      if (i > 100_000) throw new Error("it does not settle");
    }
  }
}

const chain = (levels: number): string => "data" + "/a".repeat(levels);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A transaction that does `requests`, without its end. */
function within(client: Client, requests: readonly Request[]): Request[] {
  const id = client.transaction++;
  const start: Request = ["TRANSACTION_START", "."];
  return [start, ...requests.map(([type, payload]): Request => [type, payload, id])];
}

function end(client: Client): Request[] {
  return [["TRANSACTION_END", "T.", client.transaction - 1]];
}

const VALUE = "v".repeat(1_500);
const deepWatches = range(120).map((i): Request => ["WATCH", `${chain(900)}.${i}.`]);
const flatWatches = range(120).map((i): Request => ["WATCH", `data/v${i}.${i}.`]);
const flat = range(900).map((i): Request => ["WRITE", `data/n${i}.x`]);

const KINDS: readonly Kind[] = [
  { name: "read", once: [["WRITE", "data/v.x"]], measured: () => [["READ", "data/v."]] },
  {
    name: "20 reads at once",
    once: [["WRITE", "data/v.x"]],
    measured: () => range(20).map((): Request => ["READ", "data/v."]),
  },
  {
    name: "read, 1,500 bytes",
    once: [["WRITE", `data/v.${VALUE}`]],
    measured: () => [["READ", "data/v."]],
  },
  {
    name: "read, 900 levels",
    once: [["MKDIR", `${chain(900)}.`]],
    measured: () => [["READ", `${chain(900)}.`]],
  },
  { name: "read, not there", measured: () => [["READ", "data/nothing."]] },
  { name: "read, no payload", measured: () => [["READ", ""]] },
  {
    name: "20 writes at once",
    measured: ({ round }) => range(20).map((i): Request => ["WRITE", `data/v${i}.${round}`]),
  },
  { name: "write, 1,500 bytes", measured: () => [["WRITE", `data/v.${VALUE}`]] },
  {
    name: "write, 900 levels",
    once: [["MKDIR", `${chain(900)}.`]],
    measured: () => [["WRITE", `${chain(900)}.x`]],
  },
  {
    name: "20 SET_PERMS at once",
    once: [["WRITE", `data/v.${VALUE}`]],
    measured: () => range(20).map((i): Request => ["SET_PERMS", `data/v.n1.r${i % 2 + 1}.`]),
  },
  {
    name: "MKDIR, 900 levels",
    before: () => [["RM", "data/a."]],
    measured: () => [["MKDIR", `${chain(900)}.`]],
  },
  {
    name: "RM, 900 levels",
    before: () => [["MKDIR", `${chain(900)}.`]],
    measured: () => [["RM", "data/a."]],
  },
  { name: "RM, 900 children", before: () => flat, measured: () => [["RM", "data."]] },
  {
    name: "20 MKDIR and RM at once",
    measured: () => range(20).map((i): Request => [i % 2 === 0 ? "MKDIR" : "RM", "data/n."]),
  },
  {
    name: "directory, 900 children",
    once: flat.slice(0, 350),
    measured: () => [["DIRECTORY", "data."]],
  },
  {
    name: "directory, list to be made",
    once: flat.slice(0, 350),
    before: ({ round }) => [[round % 2 === 0 ? "MKDIR" : "RM", "data/more."]],
    measured: () => [["DIRECTORY", "data."]],
  },
  {
    name: "watch, unwatch",
    measured: () => [["WATCH", "data.t."], ["UNWATCH", "data.t."]],
  },
  { name: "120 deep watches", before: () => [["RESET_WATCHES", "."]], measured: () => deepWatches },
  {
    name: "reset of 120 deep watches",
    before: () => deepWatches,
    measured: () => [["RESET_WATCHES", "."]],
  },
  {
    name: "reset of 120 watches",
    before: () => flatWatches,
    measured: () => [["RESET_WATCHES", "."]],
  },
  {
    name: "write that fires 120 watches",
    once: range(120).map((i): Request => ["WATCH", `data.${i}.`]),
    measured: () => [["WRITE", "data/v.x"]],
  },
  {
    name: "RM that fires 120 watches",
    once: flatWatches,
    before: () => flat.slice(0, 120).map(([type], i): Request => [type, `data/v${i}.x`]),
    measured: () => [["RM", "data."]],
  },
  {
    name: "transaction of a write",
    once: [["WRITE", "data/v.x"]],
    measured: (client) => [...within(client, [["WRITE", "data/v.y"]]), ...end(client)],
  },
  {
    name: "10 writes in a transaction",
    once: [["MKDIR", "data/v."]],
    before: (client) => within(client, []),
    measured: (client) =>
      range(10).map((i): Request => ["WRITE", `data/n${i}.x`, client.transaction - 1]),
  },
  {
    name: "commit of 900 new nodes",
    before: (client) => [["RM", "data."], ...within(client, flat)],
    measured: end,
  },
  {
    name: "commit of 900 values",
    once: flat,
    before: (client) => within(client, flat),
    measured: end,
  },
  {
    name: "commit of 900 levels",
    before: (client) => [["RM", "data/a."], ...within(client, [["MKDIR", `${chain(900)}.`]])],
    measured: end,
  },
  {
    name: "commit of 900 levels, merged",
    before: (client) => [
      ["RM", "data/a."],
      ...within(client, [["MKDIR", `${chain(900)}.`]]),
      ["WRITE", "other.x"],
    ],
    measured: end,
  },
  {
    name: "commit of 900 reads, refused",
    once: flat,
    before: (client) => [
      ...within(client, [...flat.map(([, payload]): Request => ["READ", payload.slice(0, -1)]), [
        "WRITE",
        "data/n1.y",
      ]]),
      ["WRITE", `data/n899.${client.round}`],
    ],
    measured: end,
  },
];

interface Result {
  readonly name: string;
  readonly units: number;
  readonly ns: number;
  readonly mean: number;
  readonly errors: string;
}

/** Does one kind again and again. */
function measure(kind: Kind, world: World, ms: number): Result {
  const client = new Client(world, 1);
  let units = 0, times: number[] = [];
  const run = (requests: readonly Request[], counts: boolean): void => {
    client.send(requests);
    const share = client.peer.connection.share;
    const before = share.units - client.systemUnits;
    const began = processorMs();
    world.settle(client);
    if (!counts) return;
    times.push((processorMs() - began) * 1e6);
    units += share.units - client.systemUnits - before;
  };
  if (kind.once !== undefined) run(kind.once, false);
  const started = performance.now();
  for (let isWarm = false; times.length === 0 || performance.now() - started < 2 * ms;) {
    if (!isWarm && performance.now() - started > ms) {
      isWarm = true;
      [units, times] = [0, []];
    }
    if (kind.before !== undefined) run(kind.before(client), false);
    run(kind.measured(client), true);
  }
  world.close();
  const count = times.length;
  const errors = [...client.errors].join(" ");
  const mean = times.reduce((sum, time) => sum + time, 0) / count;
  return { name: kind.name, errors, units: units / count, ns: median(times), mean };
}

async function main(): Promise<void> {
  const given = parseArgs(Deno.args, { string: ["persist", "time", "history"] });
  const persist = given.persist ?? "crash";
  const ms = Number(given.time ?? 200);
  const wanted = given._.map(String);
  const directory = await Deno.makeTempDir();
  try {
    const results = KINDS
      .filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
      .map((kind, i) => {
        const path = `${directory}/${i}`;
        const options = { durability: "crash", log: () => {}, bootId: "bench" } as const;
        const journal = persist === "none" ? new NoJournal() : openStore(path, options).journal;
        const store = persist === "none" ? null : path;
        return measure(kind, new World(journal, store, given.history !== "off"), ms);
      });
    const perUnit = results.map(({ ns, units }) => ns / units);
    const usual = 1e6 / UNITS_PER_MS;
    const rows = results.map(({ errors, mean, name, ns, units }, i) => [
      name,
      units.toFixed(0),
      (ns / 1e3).toFixed(1),
      (mean / 1e3).toFixed(1),
      (perUnit[i]! / usual).toFixed(2),
      errors,
    ]);
    const [lower, upper] = quartiles(perUnit);
    console.log(machine());
    console.log(
      table(["request", "units", "µs, median", "mean", `times ${usual} ns a unit`, "errors"], rows),
    );
    console.log(`middle half: ${(lower / usual).toFixed(2)} to ${(upper / usual).toFixed(2)}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

await main();
