import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../lib/engine/engine.ts";
import { RefusedCommits } from "../../lib/engine/refused_commits.ts";
import { RESERVED_AFTER } from "../../lib/limits.ts";
import { recount } from "../../lib/engine/recount.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { Client, newEngine, randomRequest, treeOf } from "../support/engine_client.ts";
import { Random, roundsOf } from "../support/random.ts";

/**
 * Serializability (design: "the commit checks what was seen and merges the rest"): whatever
 * several clients do at once, doing the committed transactions one after the other, each as a
 * whole, in the order of their commits, gives every client the same replies and the same tree.
 * A transaction that wrote nothing stands at the moment of its snapshot instead.
 */
interface Step {
  readonly type: number;
  readonly payload: string;
  readonly reply: string;
}

/** A running transaction: its id, its steps, and the history's length at its snapshot. */
interface Open {
  readonly id: number;
  readonly steps: Step[];
  snapshot: number;
}

/** One whole client step of the serial history: who, and all it did at that point. */
interface Entry {
  readonly domid: number;
  readonly steps: readonly Step[];
}

function replay(entries: readonly Entry[]): Engine {
  const engine = newEngine();
  const clients = [0, 1, 2].map((domid) => new Client(engine, domid));
  for (const { domid, steps } of entries) {
    for (const { type, payload, reply } of steps) {
      const now = clients[domid]!.ask(type, payload);
      assertEquals(now, reply, `${messageTypeName(type)} ${payload}`);
    }
  }
  return engine;
}

/** What a history came to: commits, those refused, requests that had to wait, snapshots that moved on. */
interface Result {
  readonly commits: number;
  readonly refused: number;
  readonly held: number;
  readonly moved: number;
}

/** The client's next transaction reserves what it sees, as if others had refused some before. */
function entitle({ connection }: Client): void {
  connection.refusals ??= new RefusedCommits();
  for (let i = 0; i < RESERVED_AFTER; i++) connection.refusals.refused("/");
}

/** `going` is how likely a transaction goes on: those of many nodes are committed in another way. */
function runHistory(random: Random, reserving: Random | null = null, going = 0.75): Result {
  const engine = newEngine();
  const clients = [0, 0, 1, 2].map((domid) => new Client(engine, domid));
  const opened = new Map<Client, Open>();
  const written: Entry[] = [];
  const readOnly: [at: number, entry: Entry][] = [];
  let commits = 0, refused = 0, held = 0, moved = 0;
  for (let step = 0; step < 60; step++) {
    const client = random.pick(clients);
    const { domid } = client.connection;
    const open = opened.get(client);
    if (open === undefined) {
      if (random.chance(0.4)) {
        if (reserving?.chance(0.3)) entitle(client);
        const id = parseInt(client.ask(MessageType.TRANSACTION_START, "\0").split(" ")[1]!);
        opened.set(client, { id, steps: [], snapshot: -1 });
        continue;
      }
      const [type, payload] = randomRequest(random);
      const reply = client.ask(type, payload);
      if (reply === "held") {
        held++;
        continue;
      }
      written.push({ domid, steps: [{ type, payload, reply }] });
    } else if (random.chance(going)) {
      const [type, payload] = randomRequest(random);
      if (open.snapshot < 0) open.snapshot = written.length;
      const running = client.connection.transactions.get(open.id)!;
      const { base } = running;
      const reply = client.ask(type, payload, open.id);
      if (base !== null && running.base !== base) {
        open.snapshot = written.length;
        moved++;
      }
      open.steps.push({ type, payload, reply });
    } else {
      const running = client.connection.transactions.get(open.id)!;
      const wrote = running.written.length > 0;
      const reply = client.ask(MessageType.TRANSACTION_END, "T\0", open.id);
      if (reply === "held") {
        held++;
        continue;
      }
      opened.delete(client);
      if (reply.startsWith("ERROR")) {
        assertEquals(reply, "ERROR EAGAIN\0");
        assert(wrote, "a read-only transaction was refused");
        refused++;
        continue;
      }
      commits++;
      const entry = { domid, steps: open.steps };
      if (wrote) written.push(entry);
      else readOnly.push([open.snapshot, entry]);
    }
  }
  const replayed = replay(written);
  assertEquals(treeOf(engine), treeOf(replayed));
  for (const [at, entry] of readOnly) replay([...written.slice(0, Math.max(0, at)), entry]);
  checkCounters(engine);
  return { commits, refused, held, moved };
}

Deno.test("transactions: those of many nodes equal a serial order, too", () => {
  let commits = 0, counted = 0;
  for (const { fixed, seed } of roundsOf(600, 300)) {
    try {
      const result = runHistory(new Random(seed), null, 0.96);
      if (!fixed) continue;
      commits += result.commits;
      counted++;
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
  }
  assert(counted === 0 || commits > 100, `${commits} commits`);
});

function checkCounters(engine: Engine): void {
  const counted = recount(engine.state);
  for (const domid of [0, 1, 2]) {
    assertEquals(engine.state.accounts.of(domid).now, counted.of(domid).now, `domain ${domid}`);
    assertEquals(engine.state.accounts.mentionsOf(domid), counted.mentionsOf(domid));
  }
}

/** Histories that once went wrong. */
const REMEMBERED = [241100067, 796897810];

Deno.test("transactions: histories that once went wrong equal a serial order", () => {
  for (const seed of REMEMBERED) runHistory(new Random(seed));
});

Deno.test("transactions: what is committed equals a serial order", () => {
  let commits = 0, refused = 0, held = 0, moved = 0, counted = 0;
  for (const { fixed, seed } of roundsOf(Number(Deno.env.get("XS_ROUNDS") ?? 3000), 1000)) {
    try {
      const result = runHistory(new Random(seed), new Random(seed + 1));
      if (!fixed) continue;
      commits += result.commits;
      refused += result.refused;
      held += result.held;
      moved += result.moved;
      counted++;
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
  }
  if (counted < 1000) return;
  assert(commits > counted && refused > counted / 10, `${commits} commits, ${refused} refused`);
  assert(held > counted / 4 && moved > counted / 4, `${held} held, ${moved} moved`);
});
