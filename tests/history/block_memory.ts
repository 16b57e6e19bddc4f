/**
 * Prints the bytes that a history keeps in memory for each of its blocks: run by block_memory_test.ts, with `--expose-gc`.
 */
import process from "node:process";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, guest, packer, Writer } from "./support.ts";

/** What one block takes. */
export interface BlockMemory {
  /** Bytes of V8's heap. */
  readonly heap: number;
  /** Bytes outside of it. */
  readonly external: number;
}

declare const gc: () => void;

const STEADY_BYTES = 4_096;
const BLOCKS = 200, RECORDS = 512, GUESTS = 50, TRIES = 3;
const guests = Array.from({ length: GUESTS }, (_, i) => guest(i + 1));

/** Writes blocks in which many guests have changed a node each. */
function fill({ blocks, era: { era } }: History, count: number): void {
  for (let n = 0; n < count; n++) {
    const writer = new Writer();
    const records = Array.from({ length: RECORDS }, (_, i) => {
      const author = guests[i % GUESTS]!;
      return writer.commit(i, author, { [`/local/domain/${i % GUESTS}/${n}/${i}`]: `${i}` });
    });
    blocks.put(blocks.next, era, records, true);
  }
}

async function used(): Promise<BlockMemory> {
  let least = Infinity;
  // What another thread compiles or frees may keep something for a while.
  for (let same = 0; same < 3;) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { heapUsed } = process.memoryUsage();
    if (least - heapUsed < STEADY_BYTES) same++;
    else same = 0;
    least = Math.min(least, heapUsed);
  }
  const { external, heapUsed } = process.memoryUsage();
  return { heap: heapUsed, external };
}

function perBlock(before: BlockMemory, after: BlockMemory): BlockMemory {
  const of = (what: keyof BlockMemory): number => (after[what] - before[what]) / BLOCKS;
  return { heap: of("heap"), external: of("external") };
}

/** The middle one of several tries: another thread may keep something for longer than one of them. */
async function middle(measure: () => Promise<BlockMemory>): Promise<BlockMemory> {
  const tries: BlockMemory[] = [];
  for (let i = 0; i < TRIES; i++) tries.push(await measure());
  const of = (what: keyof BlockMemory): number =>
    tries.map((one) => one[what]).sort((a, b) => a - b)[TRIES >> 1]!;
  return { heap: of("heap"), external: of("external") };
}

async function written(): Promise<BlockMemory> {
  const history = beginHistory(IN_MEMORY);
  // Once for what is compiled.
  fill(history, BLOCKS);
  const memory = await middle(async () => {
    const before = await used();
    fill(history, BLOCKS);
    return perBlock(before, await used());
  });
  history.close();
  return memory;
}

async function read(): Promise<BlockMemory> {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, first = beginHistory(path);
  fill(first, BLOCKS);
  first.close();
  const open = (): History => new History({ path, store: "a store", packer });
  open().close();
  return await middle(async () => {
    const before = await used(), history = open(), after = await used();
    history.close();
    return perBlock(before, after);
  });
}

if (import.meta.main) console.log(JSON.stringify({ read: await read(), written: await written() }));
