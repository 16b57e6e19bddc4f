/**
 * Prints how many bytes of the heap a node takes that a transaction makes, and that its commit merges, for
 * chains as deep as they can be: run by garbage_test.ts, with so large a space for young objects that
 * nothing is collected meanwhile, and without optimized code, which makes fewer objects.
 */
import { Dirty } from "../../lib/engine/dirty.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

/** Bytes for each node. */
export interface Garbage {
  readonly made: number;
  readonly merged: number;
}

const LEVELS = 900;
const ROUNDS = 20;

const dirty = new Dirty();
const engine = newEngine(dirty);
const dom0 = new Client(engine, 0), other = new Client(engine, 0);

function ok(client: Client, type: number, payload: string, txId = 0): number {
  const reply = client.ask(type, payload, txId);
  if (reply.startsWith("ERROR")) throw new Error(reply);
  return Number(reply.split(/[ \0]/)[1]);
}

/** Bytes of the heap that `work` takes. */
function taken(work: () => void): number {
  const { heapUsed } = Deno.memoryUsage();
  work();
  return Deno.memoryUsage().heapUsed - heapUsed;
}

/** Some rounds make what is kept, and in one V8 may collect garbage: they do not move the median. */
function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

const made: number[] = [], merged: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const txId = ok(dom0, T.TRANSACTION_START, "\0");
  const chain = `/t${"/a".repeat(LEVELS - 1)}\0`;
  made.push(taken(() => ok(dom0, T.MKDIR, chain, txId)));
  // Now the transaction's own tree will not do.
  ok(other, T.WRITE, `/other\0${round}`);
  merged.push(taken(() => ok(dom0, T.TRANSACTION_END, "T\0", txId)));
  ok(dom0, T.RM, "/t\0");
  dirty.clear();
}
const garbage: Garbage = { made: median(made) / LEVELS, merged: median(merged) / LEVELS };
console.log(JSON.stringify(garbage));
