/**
 * Builds many of each structure, and prints for each what it took of the heap (and outside of it, for
 * values) and what was charged for it: run by memory_model_test.ts, with `--expose-gc`.
 */
import process from "node:process";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

/** What one structure took, and what it was charged. */
export interface Sample {
  readonly name: string;
  /** Bytes each. */
  readonly taken: number;
  readonly charged: number;
}

declare const gc: () => void;

/** Values are freed behind a collection's end: it is asked for until nothing more goes. */
async function bytesInUse(): Promise<number> {
  let before = Infinity;
  // Twice in a row: on a busy machine the other thread may come late.
  for (let steady = 0;;) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { external, heapUsed } = process.memoryUsage();
    const bytes = heapUsed + external;
    steady = bytes > before - 4_096 ? steady + 1 : 0;
    if (steady === 2) return bytes;
    before = bytes;
  }
}

/** One engine, a guest without quotas, and the privileged domain. */
class Rig {
  readonly engine = newEngine();
  readonly dom0 = new Client(this.engine, 0);
  readonly guest: Client;

  constructor() {
    const { quotas } = this.engine.state.domains.get(1)!;
    for (const name of ["nodes", "watches", "memory", "transactions"] as const) quotas.set(name, 0);
    for (const name of ["transaction-nodes", "node-size"] as const) quotas.set(name, 0);
    this.guest = new Client(this.engine, 1);
    this.ok(this.dom0, T.MKDIR, "/g\0");
    this.ok(this.dom0, T.SET_PERMS, "/g\0n1\0");
  }

  ok(client: Client, type: number, payload: string, txId = 0): void {
    const reply = client.ask(type, payload, txId);
    client.events.length = 0;
    if (reply.startsWith("ERROR")) throw new Error(`${payload.slice(0, 80)}: ${reply}`);
  }

  get cost(): number {
    return this.engine.state.accounts.cost;
  }
}

const samples: Sample[] = [];

async function measure(
  name: string,
  count: number,
  build: (rig: Rig, i: number) => void,
  prepare: (rig: Rig) => void = () => {},
): Promise<void> {
  const rig = new Rig();
  prepare(rig);
  const before = await bytesInUse(), costBefore = rig.cost;
  for (let i = 0; i < count; i++) build(rig, i);
  const taken = (await bytesInUse() - before) / count;
  samples.push({ name, taken, charged: (rig.cost - costBefore) / count });
}

async function measureAll(): Promise<void> {
  const value = (bytes: number): string => "v".repeat(bytes);
  const chain = "/a".repeat(100);
  const start = (client: Client): number =>
    Number.parseInt(client.ask(T.TRANSACTION_START, "\0").slice("TRANSACTION_START ".length));
  await measure("node", 8_000, (rig, i) => rig.ok(rig.guest, T.MKDIR, `/g/n${i}\0`));
  await measure("node with a short value", 8_000, (rig, i) => {
    rig.ok(rig.guest, T.WRITE, `/g/n${i}\0${value(40)}`);
  });
  await measure("node with a value of its own memory", 8_000, (rig, i) => {
    rig.ok(rig.guest, T.WRITE, `/g/n${i}\0${value(200)}`);
  });
  await measure("node with a long value", 8_000, (rig, i) => {
    rig.ok(rig.guest, T.WRITE, `/g/n${i}\0${value(2000)}`);
  });
  await measure("node with a long name", 8_000, (rig, i) => {
    rig.ok(rig.guest, T.MKDIR, `/g/n${i}${"y".repeat(240)}\0`);
  });
  await measure(
    "chain of 100 nodes",
    100,
    (rig, i) => rig.ok(rig.guest, T.MKDIR, `/g/n${i}${chain}\0`),
  );
  const below = `/${"d".repeat(1_000)}`;
  await measure("node below which all is gone", 2_000, (rig, i) => {
    rig.ok(rig.guest, T.MKDIR, `/g/a-name-of-its-own-${i}${below}\0`);
    rig.ok(rig.guest, T.RM, `/g/a-name-of-its-own-${i}${below}\0`);
  });
  await measure("the same, made in a transaction", 2_000, (rig, i) => {
    const txId = start(rig.guest);
    rig.ok(rig.guest, T.MKDIR, `/g/a-name-of-its-own-${i}${below}\0`, txId);
    rig.ok(rig.dom0, T.WRITE, "/elsewhere\0");
    rig.ok(rig.guest, T.TRANSACTION_END, "T\0", txId);
    rig.ok(rig.guest, T.RM, `/g/a-name-of-its-own-${i}${below}\0`);
  });
  await measure("node with five permissions", 8_000, (rig, i) => {
    rig.ok(rig.dom0, T.MKDIR, `/g/n${i}\0`);
    rig.ok(rig.dom0, T.SET_PERMS, `/g/n${i}\0n1\0r2\0r3\0r0\0b2\0`);
  });
  await measure("watch", 8_000, (rig, i) => rig.ok(rig.guest, T.WATCH, `/g/n${i}\0t${i}\0`));
  await measure("watch on one path", 8_000, (rig, i) => rig.ok(rig.guest, T.WATCH, `/g\0t${i}\0`));
  await measure("watch with long texts", 2_000, (rig, i) => {
    rig.ok(rig.guest, T.WATCH, `/g/n${i}${"/a".repeat(900)}\0t${i}${value(2000)}\0`);
  });
  await measure("watch at every level", 2_000, (rig, i) => {
    rig.ok(rig.guest, T.WATCH, `/g/n${i >> 6}${"/a".repeat(i & 63)}\0t\0`);
  });
  await measure("transaction", 4_000, (rig) => start(rig.guest));
  await measure("transaction that read", 4_000, (rig) => {
    rig.ok(rig.guest, T.READ, "/g\0", start(rig.guest));
  });
  await measure("transaction that wrote", 4_000, (rig) => {
    rig.ok(rig.guest, T.WRITE, "/g/x\0v", start(rig.guest));
  });
  let open = 0;
  const begin = ({ guest }: Rig): void => void (open = start(guest));
  await measure("node looked for in a transaction", 8_000, (rig, i) => {
    rig.guest.ask(T.READ, `/g/n${i}\0`, open);
  }, begin);
  await measure("long path looked for in a transaction", 8_000, (rig, i) => {
    rig.guest.ask(T.READ, `/g/n${i}${"y".repeat(1000)}\0`, open);
  }, begin);
  await measure("node made in a transaction", 8_000, (rig, i) => {
    rig.ok(rig.guest, T.WRITE, `/g/n${i}\0${value(200)}`, open);
  }, begin);
  await measure("chain of 100 nodes changed in a transaction", 100, (rig) => {
    rig.ok(rig.guest, T.MKDIR, `/g${chain}/x\0`, start(rig.guest));
  }, (rig) => rig.ok(rig.guest, T.MKDIR, `/g${chain}\0`));
  await measure("chain of 100 nodes made in a transaction", 100, (rig, i) => {
    rig.ok(rig.guest, T.MKDIR, `/g/n${i}${chain}\0`, start(rig.guest));
  });
  await measure("chain of 990 nodes made in a transaction", 10, (rig, i) => {
    rig.ok(rig.guest, T.MKDIR, `/g/n${i}${"/a".repeat(990)}\0`, start(rig.guest));
  });
  await measure("watch of 1,020 levels", 500, (rig, i) => {
    rig.ok(rig.guest, T.WATCH, `/g/n${i}${"/a".repeat(1_018)}\0t\0`);
  });
  const fill = (rig: Rig): void => {
    for (let i = 0; i < 2_000; i++) rig.ok(rig.dom0, T.WRITE, `/g/n${i}\0${value(2000)}`);
    rig.ok(rig.guest, T.READ, "/g\0", start(rig.guest));
  };
  await measure("value that is kept for a transaction", 2_000, (rig, i) => {
    rig.ok(rig.dom0, T.WRITE, `/g/n${i}\0${value(1999)}`);
  }, fill);
  await measure("2,000 nodes that are kept for a transaction", 1, (rig) => {
    fill(rig);
    rig.ok(rig.dom0, T.RM, "/g\0");
  });
  await measure("connection", 4_000, ({ engine }) => void engine.state.connectRing(1));
}

if (import.meta.main) {
  // Once for what is made only once, and for what is compiled.
  await measureAll();
  samples.length = 0;
  await measureAll();
  console.log(JSON.stringify(samples));
}
